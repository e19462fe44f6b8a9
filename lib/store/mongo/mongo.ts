import type { mongodb } from '@fastify/mongodb'
import type { Changes, NewOwner, NewVersion, OwnerChange, OwnerName, Store, StoredEntry, StoredKey, StoredVersion, TokenUse } from '../../../types/store.ts'
import { isPlatformError } from '../../errors.ts'
import { Documents, type EnvironmentDocument, type OwnerDocument } from './documents.ts'
import { cannotOpen, DEADLINE_MS, LONG_DEADLINE_MS, notNow, within } from './failure.ts'
import { Keeper } from './keeper.ts'
import { type Entry, Log } from './log.ts'
import { idsOf, moduleOf, newRecord, type OwnerRecord, resealed, withEntries, withModule } from './records.ts'
import { type Decide, Replica } from './replica.ts'
import { migrate, type Migration, type SchemaRecord } from './schema.ts'
import { type Chunk, Snapshot } from './snapshot.ts'
import type { Change, State } from './state.ts'
import { type TokenRecord, UsedTokens } from './tokens.ts'
import { type ContentDocument, type VersionDocument, Versions } from './versions.ts'

export interface MongoOptions {
  readonly client: mongodb.MongoClient
  readonly database: string
  readonly collections: { readonly admin: string, readonly tenant: string, readonly environ: string }
  /** Closes the client, where it is nobody else's. */
  readonly release?: () => Promise<void>
  /** For tests: other steps than those there are, and how long the log keeps entries. */
  readonly migrations?: readonly Migration[]
  readonly logKeptMs?: number
}

type ChangeRecord = (record: OwnerRecord) => Pick<Change, 'record' | 'gone'> | undefined

/** Our own collections begin so: an installation may share its database with others. */
const PREFIX = 'FASTIFY_MICROSERVICES_'

/** How long an entry stays in the log: a node that looks every 250 ms has long followed it, and no write of its owner is still under way. */
const LOG_KEPT_MS = 60_000

/**
 * Owners in MongoDB, or a server that speaks its protocol. It needs neither transactions nor change streams, and of updates no
 * atomicity: of several insertions with one id one wins, and is then to be read, is all that it builds upon (see `Log`).
 */
export class MongoStore implements Store {
  readonly #options: MongoOptions
  readonly #database: mongodb.Db
  readonly #versions: Versions
  readonly #tokens: UsedTokens
  readonly #keeper: Keeper
  readonly #replica: Replica
  #installation = ''
  #state: 'new' | 'open' | 'closed' = 'new'

  constructor (options: MongoOptions) {
    const { client, database, collections: { admin, tenant, environ }, logKeptMs: keptMs = LOG_KEPT_MS } = this.#options = options
    // What is acknowledged is on the disks of a majority, and what is read stays: another node may have become primary.
    const db = this.#database = client.db(database, { writeConcern: { w: 'majority', journal: true }, readPreference: 'primary' })
    const quick = { timeoutMS: DEADLINE_MS, readConcern: 'majority' } as const
    const large = { ...quick, timeoutMS: LONG_DEADLINE_MS }
    const log = new Log(db.collection<Entry>(`${PREFIX}LOG`, { ...quick, promoteBuffers: true }))
    const snapshot = new Snapshot(db.collection<Chunk>(`${PREFIX}SNAPSHOT`, { ...large, promoteBuffers: true }))
    const documents = new Documents({
      admins: db.collection<OwnerDocument>(admin, large),
      tenants: db.collection<OwnerDocument>(tenant, large),
      environments: db.collection<EnvironmentDocument>(environ, large)
    })
    this.#versions = new Versions(db.collection<VersionDocument>(`${PREFIX}VERSION`, large), db.collection<ContentDocument>(`${PREFIX}CONTENT`, large))
    this.#tokens = new UsedTokens(db.collection<TokenRecord>(`${PREFIX}TOKEN`, quick))
    const keeper = this.#keeper = new Keeper({ log, snapshot, documents, versions: this.#versions, tokens: this.#tokens, keptMs })
    this.#replica = new Replica(log, snapshot, keptMs, changes => keeper.added(changes))
  }

  async open (): Promise<void> {
    const { client, database } = this.#options
    try {
      await within(LONG_DEADLINE_MS, this.#prepare())
      this.#state = 'open'
    } catch (error) {
      await this.close()
      if (isPlatformError(error) && error.code === 'FMS_ERR_STORE') throw error
      throw cannotOpen(error, `database "${database}" of MongoDB at ${client.options.hosts.join(', ')}`)
    }
  }

  async close (): Promise<void> {
    if (this.#state === 'open') await within(DEADLINE_MS, this.#keeper.finish(this.#replica)).catch(() => {})
    this.#state = 'closed'
    await this.#options.release?.()
  }

  async probe (sealed: string): Promise<string> {
    return await this.#ask(({ probe }) => probe === undefined ? { answer: sealed, change: { probe: sealed } } : { answer: probe })
  }

  async changes (cursor?: string): Promise<Changes> {
    const [installation, number] = cursor?.split('.') ?? []
    const since = installation === this.#installation && /^\d+$/.test(number ?? '') ? Number(number) : undefined
    this.#mustBeOpen()
    const news = await this.#replica.look(state => ({ cursor: `${this.#installation}.${state.head}`, ...state.changes(since) }))
    this.#keeper.wake(this.#replica)
    return news
  }

  async addOwner (owner: NewOwner): Promise<'added' | 'uuid' | 'userid'> {
    return await this.#ask(state => {
      if (state.record(owner.uuid) !== undefined) return { answer: 'uuid' }
      if (owner.userid !== null && state.hasUserid(owner.admin, owner.userid)) return { answer: 'userid' }
      return { answer: 'added', change: { owner: owner.uuid, record: newRecord(owner) } }
    })
  }

  async updateOwner (owner: OwnerName, change: OwnerChange): Promise<boolean> {
    return await this.#change(owner, record => ({ record: { ...record, ...change } }))
  }

  async removeOwner (owner: OwnerName): Promise<boolean> {
    return await this.#change(owner, ({ modules }) => ({ record: null, gone: idsOf(modules) }))
  }

  async addKey (owner: OwnerName, key: StoredKey, most: number): Promise<boolean> {
    return await this.#change(owner, record => record.keys.length < most && record.keys.every(({ id }) => id !== key.id)
      ? { record: { ...record, keys: [...record.keys, key] } }
      : undefined)
  }

  async removeKey (owner: OwnerName, id: string): Promise<boolean> {
    return await this.#change(owner, record => record.keys.some(key => key.id === id)
      ? { record: { ...record, keys: record.keys.filter(key => key.id !== id) } }
      : undefined)
  }

  async setEntries (owner: OwnerName, entries: Readonly<Record<string, StoredEntry | null>>): Promise<boolean> {
    return await this.#change(owner, record => ({ record: withEntries(record, entries) }))
  }

  async reseal (owner: string | undefined, from: string, to: string): Promise<void> {
    if (owner === undefined) await this.#ask(({ probe }) => ({ answer: undefined, change: probe === from ? { probe: to } : undefined }))
    else await this.#changeAny(owner, record => ({ record: resealed(record, from, to) }))
  }

  async consume (uses: readonly TokenUse[]): Promise<readonly boolean[]> {
    this.#mustBeOpen()
    return await this.#tokens.consume(uses)
  }

  async addVersion (owner: OwnerName, version: NewVersion, content: Uint8Array): Promise<boolean> {
    const { module: name } = version
    const isThere = (record: OwnerRecord): boolean => moduleOf(record, name)?.versions.some(one => one.version === version.version) ?? false
    const before = await this.#record(owner.uuid)
    if (before?.admin !== owner.admin || isThere(before)) return false
    const id = await within(LONG_DEADLINE_MS, this.#versions.add({ ...version, owner: owner.uuid }, content))
    const added = await this.#change(owner, record => {
      const { active = null, versions = [] } = moduleOf(record, name) ?? {}
      return isThere(record) ? undefined : { record: withModule(record, { name, active, versions: [...versions, { version: version.version, id }] }) }
    })
    if (!added) await within(DEADLINE_MS, this.#versions.remove([id]))
    return added
  }

  async versions (owner: string, module?: string): Promise<readonly StoredVersion[]> {
    const modules = (await this.#record(owner))?.modules ?? []
    return await within(DEADLINE_MS, this.#versions.find(idsOf(modules.filter(({ name }) => module === undefined || name === module))))
  }

  async content (owner: string, module: string, version: string): Promise<Uint8Array | undefined> {
    const found = moduleOf(await this.#record(owner), module)?.versions.find(one => one.version === version)
    return found && await within(LONG_DEADLINE_MS, this.#versions.content(found.id))
  }

  async activate (owner: OwnerName, name: string, version: string | null): Promise<boolean> {
    return await this.#change(owner, record => {
      const module = moduleOf(record, name)
      const exists = module !== undefined && (version === null || module.versions.some(one => one.version === version))
      return exists ? { record: withModule(record, { ...module, active: version }) } : undefined
    })
  }

  async removeVersion (owner: OwnerName, name: string, version?: string): Promise<boolean> {
    return await this.#change(owner, record => {
      const module = moduleOf(record, name)
      const going = module?.versions.filter(one => version === undefined || one.version === version) ?? []
      if (module === undefined || going.length === 0 || (version !== undefined && version === module.active)) return undefined
      const versions = module.versions.filter(one => !going.includes(one))
      return { record: withModule(record, { ...module, versions }), gone: going.map(({ id }) => id) }
    })
  }

  async #prepare (): Promise<void> {
    const meta = this.#database.collection<SchemaRecord>(`${PREFIX}META`, { timeoutMS: LONG_DEADLINE_MS })
    this.#installation = await migrate(this.#database, meta, this.#options.migrations)
    await this.#tokens.prepare()
    await this.#replica.load()
  }

  async #record (owner: string): Promise<OwnerRecord | undefined> {
    return await this.#ask((state: State) => ({ answer: state.record(owner) }))
  }

  /** Changes an owner that there is, and is that admin's; false where there is none, or `change` has nothing to change. */
  async #change ({ uuid, admin }: OwnerName, change: ChangeRecord): Promise<boolean> {
    return await this.#changeAny(uuid, record => record.admin === admin ? change(record) : undefined)
  }

  async #changeAny (owner: string, change: ChangeRecord): Promise<boolean> {
    return await this.#ask(state => {
      const record = state.record(owner)
      const changed = record && change(record)
      return { answer: changed !== undefined, change: changed && { owner, ...changed } }
    })
  }

  async #ask<T> (decide: Decide<T>): Promise<T> {
    this.#mustBeOpen()
    const answer = await this.#replica.ask(decide)
    this.#keeper.wake(this.#replica)
    return answer
  }

  #mustBeOpen (): void {
    if (this.#state !== 'open') throw notNow('the store is not open')
  }
}
