import type { NewVersion, OwnerName, StoredOwner, StoredVersion } from '../../../types/store.ts'
import { ownerOf, write } from './owners.ts'
import type { Reading, Writing } from './transaction.ts'

/** See Store. */
export const versionReads = {
  versions ({ sql }: Reading, owner: string, module: string | undefined): StoredVersion[] {
    const columns = 'owner, module, version, created_at as createdAt, note'
    const rows = module === undefined
      ? sql(`select ${columns} from version where owner = ? order by created_at, rowid`).all(owner)
      : sql(`select ${columns} from version where owner = ? and module = ? order by created_at, rowid`).all(owner, module)
    return rows as unknown as StoredVersion[]
  },

  content ({ sql }: Reading, owner: string, module: string, version: string): Uint8Array | undefined {
    return sql('select content from version where owner = ? and module = ? and version = ?').get(owner, module, version)?.content as Uint8Array | undefined
  }
}

/** See Store. */
export const versionWrites = {
  addVersion (writing: Writing, name: OwnerName, { module, version, createdAt, note }: NewVersion, content: Uint8Array): boolean {
    const owner = ownerOf(writing, name)
    if (!owner) return false
    const { changes } = writing.sql('insert into version (owner, module, version, created_at, note, content) values (?, ?, ?, ?, ?, ?) on conflict do nothing')
      .run(name.uuid, module, version, createdAt, note, content)
    if (changes === 0) return false
    setActive(writing, owner, module, activeOf(owner, module) ?? null)
    return true
  },

  activate (writing: Writing, name: OwnerName, module: string, version: string | null): boolean {
    const owner = ownerOf(writing, name)
    const isThere = owner && (version === null ? activeOf(owner, module) !== undefined : hasVersion(writing, name.uuid, module, version))
    if (!isThere) return false
    setActive(writing, owner, module, version)
    return true
  },

  removeVersion (writing: Writing, name: OwnerName, module: string, version: string | undefined): boolean {
    const owner = ownerOf(writing, name)
    if (!owner || (version !== undefined && activeOf(owner, module) === version)) return false
    const { changes } = version === undefined
      ? writing.sql('delete from version where owner = ? and module = ?').run(name.uuid, module)
      : writing.sql('delete from version where owner = ? and module = ? and version = ?').run(name.uuid, module, version)
    if (changes === 0) return false
    setActive(writing, owner, module, hasVersion(writing, name.uuid, module) ? activeOf(owner, module) : undefined)
    return true
  }
}

/** Null: no version of the module is active; undefined: there is no such module. */
function activeOf ({ modules }: StoredOwner, module: string): string | null | undefined {
  return Object.hasOwn(modules, module) ? modules[module] : undefined
}

function setActive (writing: Writing, owner: StoredOwner, module: string, active: string | null | undefined): void {
  const others = Object.entries(owner.modules).filter(([name]) => name !== module)
  write(writing, { ...owner, modules: Object.fromEntries(active === undefined ? others : [...others, [module, active]]) })
}

function hasVersion ({ sql }: Reading, owner: string, module: string, version?: string): boolean {
  return version === undefined
    ? sql('select 1 from version where owner = ? and module = ?').get(owner, module) !== undefined
    : sql('select 1 from version where owner = ? and module = ? and version = ?').get(owner, module, version) !== undefined
}
