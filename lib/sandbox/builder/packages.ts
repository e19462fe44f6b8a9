import { sep } from 'node:path'
import type { HostPackage, Tools } from './protocol.ts'
import type { Allowed } from './resolver.ts'

/** The host's packages that option `sandbox.imports` names, and what those import. */
export function allowedPackages ({ packages, imports }: Pick<Tools, 'packages' | 'imports'>): Allowed {
  const holder = (path: string): HostPackage | undefined => packages.find(({ folder, real }) => [folder, real].some(at => path.startsWith(at + sep)))
  return {
    from (specifier, importer) {
      const [name] = /^(?:@[^/]+\/)?[^/]+/.exec(specifier) ?? []
      const known = holder(importer)?.dependencies ?? imports
      return name !== undefined && Object.hasOwn(known, name) ? packages[known[name] as number]?.from : undefined
    },
    holds: path => holder(path) !== undefined
  }
}
