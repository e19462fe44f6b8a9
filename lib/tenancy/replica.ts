import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Changes, Store } from '../../types/store.ts'
import { isPlatformError, messageOf, platformError } from '../errors.ts'
import { Follower } from './follower.ts'
import { newOwner, type Owner, type OwnerKey } from './owner.ts'
import { reach } from './reach.ts'
import { type RegistrySettings, Roster } from './roster.ts'
import { checkKeys, reseal } from './sealing.ts'
import { Secrets } from './secrets.ts'

export interface ReplicaOptions {
  readonly store: Store
  readonly settings: RegistrySettings
  readonly log: FastifyBaseLogger
}

type Listener = (uuids: ReadonlySet<string>) => void

// Less than the 10 s that Fastify gives a plugin by default: then it would say that somebody forgot to call done().
const OPEN_MS = 8_000
// As long as a store may be gone before it is worth the next try.
const RETRY_MS = 1_000

/** The owners of an installation in memory, as the settings and the store have them: calls never wait for the store. */
export class Replica {
  protected readonly store: Store
  /** Without what is secret of them: this object may be printed. */
  protected readonly settings: Omit<RegistrySettings, 'adminSecrets' | 'secretsKeys'>
  protected readonly secrets: Secrets
  protected readonly roster: Roster
  readonly #log: FastifyBaseLogger
  readonly #follower: Follower
  readonly #listeners: Listener[] = []
  readonly #closing = new AbortController()
  #rotating: Promise<void> | undefined
  #opened = false

  constructor ({ store, settings, log }: ReplicaOptions) {
    this.store = store
    const { adminSecrets, secretsKeys, ...others } = settings
    this.settings = others
    this.secrets = new Secrets(secretsKeys)
    this.roster = new Roster(settings, this.secrets, log)
    this.#log = log
    this.#follower = new Follower({ store, log, apply: changes => this.#apply(changes) })
  }

  /** @throws `FMS_ERR_STORE`; the store is closed again then */
  async open (): Promise<void> {
    try {
      await reach(() => this.store.open(), OPEN_MS)
      await this.look()
      await checkKeys(this.store, this.secrets, () => this.roster.records())
      await this.#addAdmins()
    } catch (error) {
      await this.close()
      if (isPlatformError(error) && error.code === 'FMS_ERR_STORE') throw error
      throw Object.assign(platformError('FMS_ERR_STORE', messageOf((error as Error).cause ?? error)), { cause: error })
    }
    this.#opened = true
    this.#follower.start()
    if (this.secrets.ids.length > 1) this.#rotating = this.#rotate()
  }

  async close (): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    await this.#follower.close()
    await this.#rotating
    try {
      await reach(() => this.store.close())
    } catch (error) {
      this.#log.error({ err: error }, `the store cannot be closed: ${messageOf(error)}`)
    }
  }

  /** An owner that exists, enabled or not. UUIDs are in canonical form, here and in what follows. */
  find (uuid: string): Owner | undefined {
    return this.roster.find(uuid)
  }

  /** Whether it is an admin, or a tenant that exists and is enabled. */
  serves (uuid: string): boolean {
    return this.roster.find(uuid)?.enabled ?? false
  }

  /** Of a tenant that exists. */
  adminOf (uuid: string): string | undefined {
    const owner = this.roster.find(uuid)
    return owner?.role === 'tenant' ? owner.admin : undefined
  }

  /** Whether what is known of tenants is too old to be used. */
  get stale (): boolean {
    return performance.now() - this.#follower.seenAt > this.settings.staleSecs * 1000
  }

  /** The key that a token names, of an owner that is enabled. */
  key (kid: string): OwnerKey | undefined {
    const dot = kid.indexOf('.')
    const owner = this.roster.find(kid.slice(0, dot))
    return owner?.enabled ? owner.key(kid.slice(dot + 1)) : undefined
  }

  /** Whether a key is one for management that opens an owner's: its own, or its admin's. */
  manages (kid: string, uuid: string): boolean {
    const key = this.key(kid)
    return key?.kind === 'manage' && this.serves(uuid) && (key.owner === uuid || key.owner === this.adminOf(uuid))
  }

  /** Tells from now on who was added, changed or removed, here or on another node. */
  onChange (listener: Listener): void {
    this.#listeners.push(listener)
  }

  /** All that exist, enabled or not. */
  owners (): Iterable<Owner> {
    return this.roster.owners()
  }

  /** Knows all that was written before. */
  async look (): Promise<void> {
    await this.#follower.look()
  }

  #apply (changes: Changes): void {
    const uuids = this.roster.apply(changes)
    if (!this.#opened || uuids.size === 0) return
    for (const listener of this.#listeners) {
      try {
        listener(uuids)
      } catch (error) {
        this.#log.error({ err: error }, `whoever was told that owners changed has failed: ${messageOf(error)}`)
      }
    }
  }

  async #addAdmins (): Promise<void> {
    const missing = this.settings.admins.filter(uuid => !this.find(uuid)?.stored)
    if (missing.length === 0) return
    for (const uuid of missing) {
      // Another node may do the same.
      await reach(() => this.store.addOwner(newOwner({ uuid, role: 'admin', admin: uuid })))
    }
    await this.look()
  }

  async #rotate (): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      try {
        return await reseal({
          store: this.store, secrets: this.secrets, log: this.#log, records: () => this.roster.records(), look: () => this.look(), closed: () => signal.aborted
        })
      } catch (error) {
        this.#log.warn({ err: error }, `secrets are sealed with the first key of SECRETS_KEY later, once the store can be reached: ${messageOf(error)}`)
        await sleep(RETRY_MS, undefined, { ref: false, signal }).catch(() => {})
      }
    }
  }
}
