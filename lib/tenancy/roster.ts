import type { FastifyBaseLogger } from 'fastify'
import type { Changes, NewOwner, StoredOwner } from '../../types/store.ts'
import { messageOf, platformError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { SandboxSettings } from '../tenants.ts'
import { type House, type Identity, Owner } from './owner.ts'
import { aboutOf } from './sealing.ts'
import type { Secrets } from './secrets.ts'

/** What the settings say of owners. */
export interface RegistrySettings {
  readonly admins: readonly string[]
  /** In the order of the admins, as base64url. */
  readonly adminSecrets: readonly string[]
  readonly secretsKeys: readonly string[]
  readonly staleSecs: number
  readonly plans: ReadonlyMap<string, Partial<Limits>>
  readonly sandbox: Pick<SandboxSettings, 'tenants' | 'others'>
  /** UUIDs of tenants of the configuration, with their admins'. */
  readonly configured: ReadonlyMap<string, string>
}

// Each is a line of the log, once. Whoever has more to complain about than this has read enough.
const TOLD_MAX = 1_000

/** The owners there are: those of the settings, and those of the store's records. */
export class Roster {
  readonly #settings: RegistrySettings
  readonly #log: FastifyBaseLogger
  readonly #house: House
  readonly #owners = new Map<string, Owner>()
  /** Records that make no owner: of an admin that is none any more, or of a tenant that was the configuration's. */
  readonly #idle = new Map<string, StoredOwner>()
  readonly #admins: ReadonlyMap<string, number>
  /** UUIDs of each admin's tenants in order, from when they are asked for until they change. */
  readonly #sorted = new Map<string, readonly string[]>()
  readonly #told = new Set<string>()

  constructor (settings: RegistrySettings, secrets: Secrets, log: FastifyBaseLogger) {
    this.#settings = settings
    this.#log = log
    this.#admins = new Map(settings.admins.map((uuid, i) => [uuid, i]))
    this.#house = {
      plans: settings.plans,
      unseal: (sealed, about) => {
        try {
          return secrets.open(sealed, aboutOf(about))
        } catch (error) {
          this.#tell(`${about.kind} "${about.name}" of ${about.owner} cannot be opened, and is not there until it is set anew: ${messageOf(error)}`)
          return undefined
        }
      }
    }
    for (const uuid of [...settings.admins, ...settings.configured.keys()]) this.#place(uuid)
  }

  find (uuid: string): Owner | undefined {
    return this.#owners.get(uuid)
  }

  owners (): Iterable<Owner> {
    return this.#owners.values()
  }

  /** The record of one who is no owner. */
  idle (uuid: string): StoredOwner | undefined {
    return this.#idle.get(uuid)
  }

  /** All that the store has of anyone. */
  * records (): Iterable<Pick<StoredOwner, 'uuid' | 'keys' | 'environment'>> {
    for (const { uuid, keys, entries: environment } of this.#owners.values()) yield { uuid, keys, environment }
    yield * this.#idle.values()
  }

  /** What a tenant is that was just added, but is not seen here. */
  sketch (tenant: NewOwner): Owner {
    return new Owner(this.#identify(tenant.uuid, { keys: [], environment: {}, modules: {}, ...tenant })!, this.#house)
  }

  /** An admin's tenants by UUID, those after that one. */
  page (admin: string, after: string, limit: number): Owner[] {
    let sorted = this.#sorted.get(admin)
    if (sorted === undefined) {
      sorted = [...this.#owners.values()].filter(owner => owner.role === 'tenant' && owner.admin === admin).map(({ uuid }) => uuid).sort()
      this.#sorted.set(admin, sorted)
    }
    const start = firstAfter(sorted, after)
    return sorted.slice(start, start + limit).map(uuid => this.#owners.get(uuid)!)
  }

  /**
   * Takes in what is new in the store.
   *
   * @returns UUIDs of those that are others than before, or gone
   * @throws `FMS_ERR_STORE`, before anything else, where an admin is a tenant there
   */
  apply ({ whole, owners, removed }: Changes): Set<string> {
    const usurped = owners.find(({ uuid, role }) => role === 'tenant' && this.#admins.has(uuid))
    if (usurped !== undefined) {
      throw platformError('FMS_ERR_STORE', `ADMIN_ID: expected UUIDs that no tenant has; found ${usurped.uuid}, which is a tenant of ${usurped.admin} there`)
    }
    const changed = new Set<string>()
    const take = (uuid: string, record?: StoredOwner): void => { if (this.#place(uuid, record)) changed.add(uuid) }
    if (whole) {
      const there = new Set(owners.map(({ uuid }) => uuid))
      for (const uuid of [...this.#owners.keys(), ...this.#idle.keys()]) if (!there.has(uuid)) take(uuid)
    }
    for (const uuid of removed) take(uuid)
    for (const record of owners) take(record.uuid, record)
    return changed
  }

  /** Whether anything is different now. */
  #place (uuid: string, record?: StoredOwner): boolean {
    const before = this.#owners.get(uuid)
    const identity = this.#identify(uuid, record)
    if (identity === undefined && record !== undefined) this.#idle.set(uuid, record)
    else this.#idle.delete(uuid)
    if (identity === undefined) {
      if (before !== undefined) this.#sorted.delete(before.admin)
      return this.#owners.delete(uuid)
    }
    if (before?.isOf(identity)) return false
    if (before === undefined || before.admin !== identity.admin) {
      this.#sorted.delete(identity.admin)
      if (before !== undefined) this.#sorted.delete(before.admin)
    }
    this.#owners.set(uuid, new Owner(identity, this.#house))
    return true
  }

  #identify (uuid: string, record?: StoredOwner): Identity | undefined {
    const { adminSecrets, sandbox: { tenants, others }, configured } = this.#settings
    const settings = tenants.get(uuid) ?? others
    const index = this.#admins.get(uuid)
    if (index !== undefined) return { uuid, role: 'admin', admin: uuid, configured: true, settings: others, firstKey: adminSecrets[index], record }
    const admin = this.#adminOf(uuid, record)
    if (admin === undefined) return undefined
    if (record !== undefined && record.plan !== null && !this.#settings.plans.has(record.plan)) {
      this.#tell(`plan "${record.plan}": expected in option plans, since a tenant has it; found none of that name, so that the installation's limits count for ${uuid} and any other that has it`, record.plan)
    }
    return { uuid, role: 'tenant', admin, configured: configured.has(uuid), settings, record }
  }

  /** Whose tenant it is; undefined: it is none. Whoever registered it keeps it, whatever the configuration says later. */
  #adminOf (uuid: string, record?: StoredOwner): string | undefined {
    const configured = this.#settings.configured.get(uuid)
    if (record === undefined || record.role !== 'tenant') return configured
    if (record.userid !== null && this.#admins.has(record.admin)) {
      if (configured !== undefined && configured !== record.admin) {
        this.#tell(`tenant ${uuid} stays that of ${record.admin}, who registered it; the configuration says ${configured}`)
      }
      return record.admin
    }
    if (configured === undefined && !this.#admins.has(record.admin)) {
      this.#tell(`tenants of ${record.admin} are not served: expected it in ADMIN_ID, since the store has it as their admin`, record.admin)
    }
    return configured
  }

  #tell (text: string, topic = text): void {
    if (this.#told.has(topic) || this.#told.size >= TOLD_MAX) return
    this.#told.add(topic)
    this.#log.warn(text)
  }
}

/** Index of the first that comes after that one. */
function firstAfter (sorted: readonly string[], after: string): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! <= after) low = middle + 1
    else high = middle
  }
  return low
}
