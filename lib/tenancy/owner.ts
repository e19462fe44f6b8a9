import { isDeepStrictEqual } from 'node:util'
import type { NewOwner, OwnerName, StoredEntry, StoredKey, StoredOwner } from '../../types/store.ts'
import { type Limits, limitsWithin } from '../limits.ts'
import type { TenantSettings } from '../tenants.ts'

/** The id of the keys that ADMIN_SECRET lists. */
export const FIRST_KEY = 'first'

/** What all owners of an installation share. */
export interface House {
  readonly plans: ReadonlyMap<string, Partial<Limits>>
  /** Undefined where it cannot be opened, which is logged. */
  unseal (sealed: string, about: { readonly owner: string, readonly kind: 'key' | 'entry', readonly name: string }): Buffer | undefined
}

/** Who an owner is, by the settings and by the store. */
export interface Identity {
  readonly uuid: string
  readonly role: 'admin' | 'tenant'
  readonly admin: string
  /** By the configuration, there without a record as well. */
  readonly configured: boolean
  readonly settings: TenantSettings
  /** An admin's key of ADMIN_SECRET, as base64url. */
  readonly firstKey?: string | undefined
  readonly record?: StoredOwner | undefined
}

/** The record of an owner of whom nothing else is to be said. */
export function newOwner ({ uuid, role, admin }: Pick<StoredOwner, 'uuid' | 'role' | 'admin'>): NewOwner {
  return { uuid, role, admin, userid: null, enabled: true, createdAt: Date.now(), limits: {}, plan: null }
}

/** A key of an owner's, as tokens are opened with it. */
export class OwnerKey {
  readonly owner: string
  readonly kind: 'call' | 'manage'
  readonly #secret: Uint8Array

  constructor (owner: string, kind: 'call' | 'manage', secret: Uint8Array) {
    this.owner = owner
    this.kind = kind
    this.#secret = secret
  }

  /** A getter: neither spread nor printed. */
  get secret (): Uint8Array {
    return this.#secret
  }
}

/** An admin or a tenant, as it was when it was read. Immutable; what is sealed is opened when first asked for, and never printed. */
export class Owner {
  readonly uuid: string
  readonly role: 'admin' | 'tenant'
  /** A tenant's admin; an admin's own UUID. */
  readonly admin: string
  readonly userid: string | null
  readonly enabled: boolean
  /** Null for those of the settings of whom the store knows nothing yet. */
  readonly createdAt: number | null
  readonly plan: string | null
  /** An admin has added it. */
  readonly registered: boolean
  readonly configured: boolean
  readonly #identity: Identity
  readonly #house: House
  readonly #opened = new Map<string, OwnerKey | undefined>()
  #limits: Limits | undefined

  constructor (identity: Identity, house: House) {
    const { uuid, role, admin, configured, record } = identity
    this.uuid = uuid
    this.role = role
    this.admin = admin
    this.userid = record?.userid ?? null
    this.enabled = role === 'admin' || (record?.enabled ?? true)
    this.createdAt = record?.createdAt ?? null
    this.plan = record?.plan ?? null
    this.registered = this.userid !== null
    this.configured = configured
    this.#identity = identity
    this.#house = house
    Object.freeze(this)
  }

  /** Whether the store knows it. */
  get stored (): boolean {
    return this.#identity.record !== undefined
  }

  /** As the store names it: a tenant whose admin is another by the configuration now keeps the one of its record there. */
  get storedAs (): OwnerName {
    return { uuid: this.uuid, admin: this.#identity.record?.admin ?? this.admin }
  }

  /** What counts. */
  get limits (): Limits {
    if (this.#limits === undefined) {
      const own = this.plan === null ? this.ownLimits : this.#house.plans.get(this.plan) ?? {}
      // Most have none of their own, and share one object.
      this.#limits = Object.keys(own).length === 0 ? this.most : limitsWithin(this.most, own)
    }
    return this.#limits
  }

  get ownLimits (): Partial<Limits> {
    return this.#identity.record?.limits ?? {}
  }

  /** What its own, or a plan's, may not exceed. */
  get most (): Limits {
    return this.#identity.settings.limits
  }

  /** Secrets are for a process of its own only. */
  get isolation (): TenantSettings['isolation'] {
    const { isolation } = this.#identity.settings
    return isolation === 'shared' && Object.values(this.entries).some(entry => 'sealed' in entry) ? 'dedicated' : isolation
  }

  get webAssembly (): boolean {
    return this.#identity.settings.webAssembly
  }

  /** Uploaded modules, with their active versions. */
  get modules (): StoredOwner['modules'] {
    return this.#identity.record?.modules ?? {}
  }

  /** As they are stored: sealed. */
  get keys (): readonly StoredKey[] {
    return this.#identity.record?.keys ?? []
  }

  get entries (): Readonly<Record<string, StoredEntry>> {
    return this.#identity.record?.environment ?? {}
  }

  get hasFirstKey (): boolean {
    return this.#identity.firstKey !== undefined
  }

  key (id: string): OwnerKey | undefined {
    const known = this.#opened.get(id)
    if (known !== undefined || this.#opened.has(id)) return known
    const { uuid, firstKey } = this.#identity
    const stored = this.keys.find(key => key.id === id)
    const secret = id === FIRST_KEY
      ? firstKey && Buffer.from(firstKey, 'base64url')
      : stored && this.#house.unseal(stored.sealed, { owner: uuid, kind: 'key', name: id })
    const key = secret ? new OwnerKey(uuid, stored?.kind ?? 'manage', secret) : undefined
    // Ids that do not exist come in any number.
    if (stored !== undefined || key !== undefined) this.#opened.set(id, key)
    return key
  }

  /** What its modules see as `context.env`: what the configuration says, and over it its own entries. Made anew each time. */
  environment (): Record<string, string> {
    const environment: Record<string, string> = Object.assign(Object.create(null), this.#identity.settings.environment)
    for (const [name, entry] of Object.entries(this.entries)) {
      const value = 'value' in entry ? entry.value : this.#house.unseal(entry.sealed, { owner: this.uuid, kind: 'entry', name })?.toString()
      if (value === undefined) delete environment[name]
      else environment[name] = value
    }
    return Object.freeze(environment)
  }

  /** Whether it would be the same, made of that. */
  isOf ({ admin, configured, record }: Identity): boolean {
    return this.admin === admin && this.configured === configured && isDeepStrictEqual(this.#identity.record, record)
  }
}
