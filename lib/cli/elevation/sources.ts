import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Bundler } from '../../catalog/bundle.ts'
import { findTenants, scan } from '../../catalog/scan.ts'
import type { ModuleFile } from '../../catalog/walk.ts'
import { messageOf } from '../../errors.ts'
import { canonicalUuid } from '../../names.ts'
import type { Settings } from '../../options.ts'

/** A file or folder of the old installation, and its path in the new one's folder. */
export interface Tree {
  readonly from: string
  readonly to: string
}

/** Where the tenant's modules are, in directories. */
export interface Sources {
  readonly trees: readonly Tree[]
  /** The new installation's plugin directories, in order. */
  readonly directories: readonly string[]
  readonly notes: readonly string[]
}

/**
 * Finds all that directories hold of a tenant: its own, the one in TENANTS_DIR, and modules of its admin's that name it.
 * Each directory becomes one, so that names, order and imports between files stay as they were.
 */
export async function findSources (settings: Settings, { uuid, admin }: { readonly uuid: string, readonly admin: string }): Promise<Sources> {
  const { directories: own } = await findTenants(settings)
  const { given, notes } = await findGiven(settings, uuid, admin)
  const ownPaths: string[] = []
  // The default directory may be missing.
  for (const { path } of own.get(uuid) ?? []) if (await stat(path).catch(() => undefined)) ownPaths.push(path)
  // The folder in TENANTS_DIR is not among the directories, and comes last.
  const order = new Set([...settings.directories.map(({ path }) => path), ...ownPaths])
  const used = [...order].filter(path => ownPaths.includes(path) || given.has(path))
  const names = used.map((_, i) => i === 0 ? 'plugins' : `plugins-${i + 1}`)
  return {
    trees: used.flatMap((path, i) => ownPaths.includes(path)
      ? [{ from: path, to: names[i]! }]
      : given.get(path)!.map(({ folder, file }) => ({ from: folder ?? file, to: join(names[i]!, basename(folder ?? file)) }))),
    directories: names.length > 0 ? names : ['plugins'],
    notes
  }
}

/** Modules of the admin's directories whose `__ID__` is the tenant's, by directory. */
async function findGiven (settings: Settings, uuid: string, admin: string): Promise<{ given: Map<string, ModuleFile[]>, notes: string[] }> {
  const { files } = await scan(settings)
  const notes: string[] = []
  const bundler = new Bundler()
  try {
    const given: ModuleFile[] = []
    for (const source of files.filter(({ owner }) => owner === admin)) {
      const id = await bundler.identity(source.file).catch((error: unknown) => {
        notes.push(`${source.file}: whether it is the tenant's cannot be told: ${messageOf(error)}; it was not copied`)
        return undefined
      })
      if (id !== undefined && canonicalUuid(id) === uuid) given.push(source)
    }
    return { given: Map.groupBy(given, ({ directory }) => directory), notes }
  } finally {
    await bundler.close()
  }
}
