import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { platformError } from '../../errors.ts'
import type { HostPackage, Tools } from '../builder/protocol.ts'

type Found = Pick<Tools, 'packages' | 'imports'>

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/**
 * The packages that option `sandbox.imports` names, and all that these depend on, as the app finds them.
 *
 * @throws `FMS_ERR_OPTIONS`
 */
export function findPackages (names: readonly string[], from = process.cwd()): Found {
  const packages: HostPackage[] = []
  const known = new Map<string, number>()
  const imports: Record<string, number> = {}

  const add = ({ folder, from }: { folder: string, from: string }): number => {
    const before = known.get(folder)
    if (before !== undefined) return before
    const dependencies: Record<string, number> = {}
    const real = realpathSync(folder)
    const index = packages.push({ folder, from, real, dependencies }) - 1
    known.set(folder, index)
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies })) {
      // One that is missing may be optional: what imports it in vain says so.
      const found = findPackage(name, real)
      if (found !== undefined) dependencies[name] = add(found)
    }
    return index
  }

  for (const name of names) {
    const found = findPackage(name, from)
    if (found === undefined) {
      throw platformError('FMS_ERR_OPTIONS', '- sandbox.imports: expected packages that are installed; found ' +
        `${JSON.stringify(name)}, which is not in a node_modules at or above ${from}`)
    }
    imports[name] = add(found)
  }
  return { packages, imports }
}

/** As Node looks for it; the folder may be a link. */
export function findPackage (name: string, start: string): { folder: string, from: string } | undefined {
  for (let from = start; ; from = dirname(from)) {
    const folder = join(from, 'node_modules', name)
    if (existsSync(join(folder, 'package.json'))) return { folder, from }
    if (dirname(from) === from) return undefined
  }
}
