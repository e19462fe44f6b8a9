import type { NewLogEntry } from '../../types/status.ts'
import type { TenantSettings } from '../tenants.ts'
import type { OwnerLog } from './log.ts'
import type { Logs, Reader } from './logs.ts'
import type { Owner } from './owner.ts'
import type { Replica } from './replica.ts'

/** An owner whose code is not trusted, and what it may use. */
export interface Tenant extends TenantSettings {
  /** Its admin's UUID: tenants of different admins share no process. */
  readonly admin: string
  readonly owner: string
  /** Adds a line to its log. */
  record (entry: NewLogEntry): void
}

/** What tells a tenant from another that has got its UUID later. */
export type Standing = Pick<Owner, 'admin' | 'createdAt'>

/** Tenants as the sandbox takes them, with their logs. */
export class Tenants {
  readonly #registry: Pick<Replica, 'find' | 'serves'>
  readonly #tenants = new Map<string, { owner: Owner, tenant: Tenant }>()
  readonly #logs: Logs

  constructor (registry: Pick<Replica, 'find' | 'serves' | 'onChange'>, logs: Logs) {
    this.#registry = registry
    this.#logs = logs
    registry.onChange(uuids => {
      for (const uuid of uuids) this.#review(uuid)
      logs.review()
    })
  }

  /** The same object for as long as it may use the same. */
  find (uuid: string): Tenant | undefined {
    const owner = this.#registry.find(uuid)
    if (owner?.role !== 'tenant') return undefined
    const known = this.#tenants.get(uuid)
    if (known?.owner === owner) return known.tenant
    const made = this.#make(owner)
    const tenant = known !== undefined && isSame(known.tenant, made) ? known.tenant : made
    this.#tenants.set(uuid, { owner, tenant })
    return tenant
  }

  /** Who has this UUID now. */
  standing (uuid: string): Standing | undefined {
    return this.#registry.find(uuid)
  }

  /** Whether the UUID still is that tenant's, and the tenant enabled. */
  isServed (uuid: string, standing: Standing): boolean {
    const owner = this.#registry.find(uuid)
    return owner !== undefined && (owner === standing || isStill(standing, owner)) && this.#registry.serves(uuid)
  }

  /** Its log; undefined where it is gone, and for another who has its UUID: calls of a tenant end after it has been removed. */
  logOf (uuid: string, standing: Standing): OwnerLog | undefined {
    const owner = this.#registry.find(uuid)
    if (owner?.role !== 'tenant' || !(owner === standing || isStill(standing, owner))) return undefined
    // Who has a log is known, so that a change tells whether it is still the same.
    if (!this.#tenants.has(uuid)) this.find(uuid)
    return this.#logs.of(uuid, owner.limits.logBytes)
  }

  /** As `Logs.follow`, of a tenant or an admin. */
  follow (uuid: string, reader: Reader): () => void {
    const owner = this.#registry.find(uuid)
    if (owner !== undefined) this.logOf(uuid, owner)
    return this.#logs.follow(uuid, reader)
  }

  #make (owner: Owner): Tenant {
    const { uuid, admin, limits, isolation, webAssembly } = owner
    const tenant = { owner: uuid, admin, limits, isolation, webAssembly, record: (entry: NewLogEntry) => this.logOf(uuid, owner)?.add(entry) }
    // Neither spread nor printed: it may hold secrets.
    return Object.freeze(Object.defineProperty(tenant, 'environment', { value: owner.environment() })) as Tenant
  }

  #review (uuid: string): void {
    const owner = this.#registry.find(uuid)
    const known = this.#tenants.get(uuid)?.owner
    if (owner?.role === 'tenant' && (known === undefined || isStill(known, owner))) return
    this.#tenants.delete(uuid)
    this.#logs.forget(uuid)
  }
}

/** Not one that was removed, and another added with its UUID. */
function isStill (known: Standing, owner: Standing): boolean {
  return known.admin === owner.admin && (known.createdAt ?? owner.createdAt) === (owner.createdAt ?? known.createdAt)
}

function isSame (one: Tenant, other: Tenant): boolean {
  return one.admin === other.admin && one.isolation === other.isolation && one.webAssembly === other.webAssembly &&
    sameEntries(one.limits, other.limits) && sameEntries(one.environment, other.environment)
}

function sameEntries (one: object, other: object): boolean {
  const entries = Object.entries(one)
  return entries.length === Object.keys(other).length && entries.every(([name, value]) => (other as Record<string, unknown>)[name] === value)
}
