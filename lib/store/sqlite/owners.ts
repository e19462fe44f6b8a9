import type { OwnerChange, OwnerName, StoredEntry, StoredKey, StoredOwner } from '../../../types/store.ts'
import type { Reading, Writing } from './transaction.ts'

// Nodes look for changes several times a second. One that missed more removals than these reads all owners again.
const REMOVED_MAX = 1_000

/** An owner as `document` has it. */
export function ownerOf ({ sql }: Reading, { uuid, admin }: OwnerName): StoredOwner | undefined {
  return parsed(sql('select document from owner where uuid = ? and admin = ?').get(uuid, admin))
}

function anyOwner ({ sql }: Reading, uuid: string): StoredOwner | undefined {
  return parsed(sql('select document from owner where uuid = ?').get(uuid))
}

function parsed (row: Readonly<Record<string, unknown>> | undefined): StoredOwner | undefined {
  return row && JSON.parse(row.document as string)
}

/** Writes an owner as it is now. */
export function write (writing: Writing, owner: StoredOwner): void {
  writing.sql('update owner set document = ?, revision = ? where uuid = ?').run(JSON.stringify(owner), writing.revision, owner.uuid)
  writing.hasChanged = true
}

/** Writes what `change` makes of an owner. False where there is none, or nothing is made of it. */
function rewrite (writing: Writing, owner: StoredOwner | undefined, change: (owner: StoredOwner) => StoredOwner | undefined): boolean {
  const changed = owner && change(owner)
  if (changed) write(writing, changed)
  return changed !== undefined
}

/** See Store. */
export const ownerWrites = {
  addOwner (writing: Writing, uuid: string, admin: string, userid: string | null, document: string): 'added' | 'uuid' | 'userid' {
    const { changes } = writing.sql('insert into owner (uuid, admin, userid, revision, document) values (?, ?, ?, ?, ?) on conflict do nothing')
      .run(uuid, admin, userid, writing.revision, document)
    if (changes === 0) return anyOwner(writing, uuid) ? 'uuid' : 'userid'
    writing.hasChanged = true
    return 'added'
  },

  updateOwner (writing: Writing, name: OwnerName, change: OwnerChange): boolean {
    return rewrite(writing, ownerOf(writing, name), owner => {
      const { enabled = owner.enabled, limits = owner.limits, plan = owner.plan } = change
      return { ...owner, enabled, limits, plan }
    })
  },

  removeOwner (writing: Writing, { uuid, admin }: OwnerName): boolean {
    const { changes } = writing.sql('delete from owner where uuid = ? and admin = ?').run(uuid, admin)
    if (changes === 0) return false
    writing.hasChanged = true
    writing.sql('insert into removed (revision, uuid) values (?, ?) on conflict do nothing').run(writing.revision, uuid)
    const tooOld = writing.sql('select revision from removed order by revision desc limit 1 offset ?').get(REMOVED_MAX)?.revision
    if (tooOld !== undefined) {
      writing.sql('delete from removed where revision <= ?').run(tooOld)
      writing.sql('update store set floor = ?').run(tooOld)
    }
    return true
  },

  addKey (writing: Writing, name: OwnerName, key: StoredKey, most: number): boolean {
    return rewrite(writing, ownerOf(writing, name), owner => {
      const isRefused = owner.keys.length >= most || owner.keys.some(({ id }) => id === key.id)
      return isRefused ? undefined : { ...owner, keys: [...owner.keys, key] }
    })
  },

  removeKey (writing: Writing, name: OwnerName, id: string): boolean {
    return rewrite(writing, ownerOf(writing, name), owner => {
      const keys = owner.keys.filter(key => key.id !== id)
      return keys.length === owner.keys.length ? undefined : { ...owner, keys }
    })
  },

  setEntries (writing: Writing, name: OwnerName, entries: Readonly<Record<string, StoredEntry | null>>): boolean {
    return rewrite(writing, ownerOf(writing, name), owner => {
      const environment = Object.entries({ ...owner.environment, ...entries }).filter((pair): pair is [string, StoredEntry] => pair[1] !== null)
      return { ...owner, environment: Object.fromEntries(environment) }
    })
  },

  reseal (writing: Writing, uuid: string, from: string, to: string): boolean {
    return rewrite(writing, anyOwner(writing, uuid), owner => {
      const resealed = <Holder extends object>(holder: Holder): Holder => 'sealed' in holder && holder.sealed === from ? { ...holder, sealed: to } : holder
      const environment = Object.entries(owner.environment).map(([name, entry]) => [name, resealed(entry)] as const)
      const changed = { ...owner, keys: owner.keys.map(resealed), environment: Object.fromEntries(environment) }
      return JSON.stringify(changed) === JSON.stringify(owner) ? undefined : changed
    })
  }
}
