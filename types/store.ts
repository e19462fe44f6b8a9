import type { Limits } from '../lib/limits.ts'

/** A key of an owner's: `call` makes tokens for calls, `manage` for management as well. */
export interface StoredKey {
  /** Unique among the owner's: with the owner's UUID it is the `kid` of a token. */
  readonly id: string
  readonly kind: 'call' | 'manage'
  /** The key itself, encrypted: opaque to a store. */
  readonly sealed: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

/** An entry of a tenant's environment: plain, or encrypted and opaque to a store. */
export type StoredEntry = { readonly value: string } | { readonly sealed: string }

/** An owner with all that belongs to it, but for the contents of its modules' versions. */
export interface StoredOwner {
  readonly uuid: string
  readonly role: 'admin' | 'tenant'
  /** A tenant's admin; an admin's own UUID. */
  readonly admin: string
  /** The name that a tenant's admin knows it by; unique among that admin's. Null for admins, and for tenants of the configuration. */
  readonly userid: string | null
  readonly enabled: boolean
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly limits: Partial<Limits>
  /** A name of option `plans`, whose limits count then. */
  readonly plan: string | null
  readonly keys: readonly StoredKey[]
  readonly environment: Readonly<Record<string, StoredEntry>>
  /** Uploaded modules by name, with the version that is active, or null for none. */
  readonly modules: Readonly<Record<string, string | null>>
}

/** What a tenant is added with: nothing else belongs to it yet. */
export type NewOwner = Omit<StoredOwner, 'keys' | 'environment' | 'modules'> & { readonly keys?: readonly StoredKey[] }

/** Names an owner for as long as it is that admin's: between a look and a write, a UUID may become another admin's tenant's. */
export type OwnerName = Pick<StoredOwner, 'uuid' | 'admin'>

export type OwnerChange = Partial<Pick<StoredOwner, 'enabled' | 'limits' | 'plan'>>

/** What happened since a cursor. */
export interface Changes {
  /** For the next call. Opaque. */
  readonly cursor: string
  /** These are all owners there are: whoever is not among them is gone. */
  readonly whole: boolean
  /** As they are now. One may come again although nothing changed. */
  readonly owners: readonly StoredOwner[]
  /** UUIDs of owners that are gone. */
  readonly removed: readonly string[]
}

/**
 * The use of a token, which both together name: a token itself says when it expires, so all its uses, on whatever node, come
 * with the same id and the same expiry. Tokens of one id and two expiries, which only the holder of a key could make, may
 * count as one or as two.
 */
export interface TokenUse {
  /** Unique to the token: at most 300 characters. */
  readonly id: string
  /** Milliseconds since the epoch, perhaps with a fraction; nobody asks again after it. */
  readonly expiresAt: number
}

/** One version of an uploaded module. Immutable. */
export interface StoredVersion {
  readonly owner: string
  readonly module: string
  /** SHA-256 of its content, in hex. */
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** Whatever the platform notes of it, as JSON. */
  readonly note: string
}

export type NewVersion = Omit<StoredVersion, 'owner'>

/**
 * Where an installation keeps its owners. Several processes may have one open: what one has done, the others see.
 * All that is acknowledged survives a crash of the process and of the machine. A method that cannot do its work rejects,
 * and has done nothing. Nothing is checked here but what only a store can: that something is there, or is not.
 */
export interface Store {
  /** Connects, makes what is missing, migrates what an older version wrote. Once, before all else. */
  open (): Promise<void>
  close (): Promise<void>

  /** Keeps this sealed text where none is kept yet, and gives the one that is kept: it tells whether secrets can be opened. */
  probe (sealed: string): Promise<string>
  /** All owners; with a cursor, those that changed since. A cursor that is too old, or of no use any more, gives all. */
  changes (cursor?: string): Promise<Changes>

  /** `uuid`: there is an owner with it; `userid`: the admin has a tenant of that name. Then nothing is added. */
  addOwner (owner: NewOwner): Promise<'added' | 'uuid' | 'userid'>
  /** Sets what is given. False where there is no such owner; one of another admin's is none, here and in what follows. */
  updateOwner (owner: OwnerName, change: OwnerChange): Promise<boolean>
  /** With its keys, environment and modules; its UUID and userid are free again. False where there is no such owner. */
  removeOwner (owner: OwnerName): Promise<boolean>
  /** False where there is no such owner, or it has `most` keys already. */
  addKey (owner: OwnerName, key: StoredKey, most: number): Promise<boolean>
  /** False where there is no such key. */
  removeKey (owner: OwnerName, id: string): Promise<boolean>
  /** Sets entries, and removes those that are null. False where there is no such owner. */
  setEntries (owner: OwnerName, entries: Readonly<Record<string, StoredEntry | null>>): Promise<boolean>
  /** Puts one sealed text in the place of another, wherever the owner has it; without an owner, of the probe. */
  reseal (owner: string | undefined, from: string, to: string): Promise<void>

  /** For each use, in order, whether it is the first. Of a call that rejects, some may be taken note of: their tokens are lost, and let nobody in. */
  consume (uses: readonly TokenUse[]): Promise<readonly boolean[]>

  /** False where there is no such owner, or it has that version already. At most 12 MB of content. */
  addVersion (owner: OwnerName, version: NewVersion, content: Uint8Array): Promise<boolean>
  /** Of one owner, or of one of its modules; the oldest first. */
  versions (owner: string, module?: string): Promise<readonly StoredVersion[]>
  content (owner: string, module: string, version: string): Promise<Uint8Array | undefined>
  /** Null: none. False where there is no such version. */
  activate (owner: OwnerName, module: string, version: string | null): Promise<boolean>
  /** A version that is active stays, and false comes. Without a version, the whole module goes. False where there is none. */
  removeVersion (owner: OwnerName, module: string, version?: string): Promise<boolean>
}
