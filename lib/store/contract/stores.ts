import { randomUUID } from 'node:crypto'
import type { NewOwner, Store, StoredKey, StoredOwner, StoredVersion } from '../../../types/store.ts'

/** What a contract needs: where its tests go, and stores to test. */
export interface StoreContractOptions {
  readonly test: (name: string, run: () => Promise<void>) => unknown
  /**
   * Opens an empty store. `again` opens another on the same data, as another node would; `remove` deletes the data, when all
   * that were opened have been closed.
   */
  readonly create: () => Promise<Created>
}

/** An empty store, open. */
export interface Created { readonly store: Store, readonly again: () => Promise<Store>, readonly remove: () => Promise<void> }

/** Tests by their names; each has an empty store of its own. */
export type Contract = Readonly<Record<string, (store: Store, again: () => Promise<Store>) => Promise<void>>>

/** Text that has gone wrong in some database before: quotes, operators, paths, wildcards, all planes of Unicode. */
export const ODD_TEXT = 'ä ß 東京 🦊 é "double" \'single\' `back` $set $where a.b.c %_ \\ {"$gt":""} ; drop table owner; -- /* */ <b>\t\n'

/** Runs a test of a contract with new stores, and closes all that it opened. */
export async function withStores (create: StoreContractOptions['create'], run: Contract[string]): Promise<void> {
  const { store, again, remove } = await create()
  const opened = [store]
  try {
    await run(store, async () => {
      const another = await again()
      opened.push(another)
      return another
    })
  } finally {
    await Promise.all(opened.map(one => one.close()))
    await remove()
  }
}

/** An owner to add: an admin, unless it is given another one's UUID. */
export function someOwner (change: Partial<NewOwner> = {}): NewOwner {
  const uuid = change.uuid ?? randomUUID()
  const admin = change.admin ?? uuid
  return { uuid, role: admin === uuid ? 'admin' : 'tenant', admin, userid: null, enabled: true, createdAt: 1_790_000_000_000, limits: {}, plan: null, ...change }
}

/** What a store gives for an owner that was added with no more than this. */
export function asStored (owner: NewOwner): StoredOwner {
  return { ...owner, keys: owner.keys ?? [], environment: {}, modules: {} }
}

export function someKey (id: string, change: Partial<StoredKey> = {}): StoredKey {
  return { id, kind: 'call', sealed: `1.00000000.${id}`, createdAt: 1_790_000_000_001, ...change }
}

export function someVersion (owner: string, change: Partial<StoredVersion> = {}): StoredVersion {
  return { owner, module: 'hello', version: 'a'.repeat(64), createdAt: 1_790_000_000_002, note: '{}', ...change }
}

/** An owner as the store has it now. */
export async function ownerIn (store: Store, uuid: string): Promise<StoredOwner | undefined> {
  const { owners } = await store.changes()
  return owners.find(owner => owner.uuid === uuid)
}

/** An owner that was just added. */
export async function addedTo (store: Store, change?: Partial<NewOwner>): Promise<NewOwner> {
  const owner = someOwner(change)
  const answer = await store.addOwner(owner)
  if (answer !== 'added') throw new Error(`addOwner: expected "added" for a new owner, got "${answer}"`)
  return owner
}
