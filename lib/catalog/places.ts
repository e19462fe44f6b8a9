import type { Directory } from '../directories.ts'
import type { ModuleRecord } from './record.ts'

/** Where a tenant's modules are said to be, beside those that it uploads. */
export interface Places {
  /** The tenant's own directories, in order. */
  readonly directories: readonly Directory[]
  /** Modules of admins' directories that name the tenant, or did when what they serve was made. */
  readonly given: readonly ModuleRecord[]
}

export const nowhere: Places = { directories: [], given: [] }

export function hasMore (before: Places, after: Places): boolean {
  return after.given.some(record => !before.given.includes(record)) ||
    (after.directories !== before.directories && after.directories.some(({ path }) => !before.directories.some(one => one.path === path)))
}

/** Puts together what is a tenant's own and what admins' directories have for it. */
export function placesOf (directories: ReadonlyMap<string, readonly Directory[]>, records: readonly ModuleRecord[]): Map<string, Places> {
  const places = new Map<string, { directories: readonly Directory[], given: ModuleRecord[] }>()
  for (const [owner, own] of directories) places.set(owner, { directories: own, given: [] })
  for (const record of records) {
    const owners = new Set([...record.isTenants ? [record.owner] : [], ...record.version?.guest ? [record.version.owner] : []])
    for (const owner of owners) {
      const known = places.get(owner) ?? { directories: [], given: [] }
      places.set(owner, known)
      known.given.push(record)
    }
  }
  return places
}
