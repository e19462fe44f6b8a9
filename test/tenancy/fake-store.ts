import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { platformError } from '../../lib/errors.ts'
import type { Changes, NewOwner, NewVersion, OwnerChange, OwnerName, Store, StoredEntry, StoredKey, StoredOwner, StoredVersion, TokenUse } from '../../types/store.ts'

/** What is stored: nodes that share one act on the same data. */
export class FakeData {
  owners = new Map<string, StoredOwner>()
  /** When each was last changed or removed, by number. */
  changed = new Map<string, number>()
  number = 0
  probe: string | undefined
  used = new Map<string, number>()
  versions: Array<StoredVersion & { content: Uint8Array }> = []

  put (owner: StoredOwner): void {
    this.owners.set(owner.uuid, owner)
    this.changed.set(owner.uuid, ++this.number)
  }
}

/** A store in memory, as one node sees it. */
export class FakeStore implements Store {
  readonly data: FakeData
  /** Out of reach, with this error. */
  away: Error | undefined
  /** Each answer comes so much later; what is done, is done before. */
  delayMs = 0
  /** Held back until it resolves, after the work was done: as an answer that is on its way. */
  hold: ((method: string) => Promise<void> | undefined) | undefined
  /** Called before the work is done, with the method's name: for what another node does first. */
  meanwhile: ((method: string) => void) | undefined
  /** `changes` gives all each time. */
  forgetful = false
  /** Names of the methods that were called. */
  calls: string[] = []
  opened = false

  constructor (data = new FakeData()) {
    this.data = data
  }

  async open (): Promise<void> {
    await this.#answer('open', () => { this.opened = true })
  }

  async close (): Promise<void> {
    this.opened = false
  }

  probe (sealed: string): Promise<string> {
    return this.#answer('probe', () => (this.data.probe ??= sealed))
  }

  changes (cursor?: string): Promise<Changes> {
    return this.#answer('changes', () => {
      const { owners, changed, number } = this.data
      if (!/^\d+$/.test(cursor ?? '') || Number(cursor) > number || this.forgetful) return { cursor: String(number), whole: true, owners: [...owners.values()], removed: [] }
      const uuids = [...changed].filter(([, at]) => at > Number(cursor)).map(([uuid]) => uuid)
      return {
        cursor: String(number), whole: false, owners: uuids.flatMap(uuid => owners.get(uuid) ?? []), removed: uuids.filter(uuid => !owners.has(uuid))
      }
    })
  }

  addOwner (owner: NewOwner): Promise<'added' | 'uuid' | 'userid'> {
    return this.#answer('addOwner', () => {
      const { uuid, admin, userid } = owner
      if (this.data.owners.has(uuid)) return 'uuid'
      if (userid !== null && [...this.data.owners.values()].some(other => other.admin === admin && other.userid === userid)) return 'userid'
      this.data.put({ keys: [], ...owner, environment: {}, modules: {} })
      return 'added'
    })
  }

  updateOwner (name: OwnerName, change: OwnerChange): Promise<boolean> {
    return this.#change('updateOwner', name, owner => ({ ...owner, ...change }))
  }

  removeOwner ({ uuid, admin }: OwnerName): Promise<boolean> {
    return this.#answer('removeOwner', () => {
      if (this.data.owners.get(uuid)?.admin !== admin) return false
      this.data.owners.delete(uuid)
      this.data.changed.set(uuid, ++this.data.number)
      this.data.versions = this.data.versions.filter(({ owner }) => owner !== uuid)
      return true
    })
  }

  addKey (name: OwnerName, key: StoredKey, most: number): Promise<boolean> {
    return this.#change('addKey', name, ({ keys, ...owner }) =>
      keys.length < most && keys.every(({ id }) => id !== key.id) && { ...owner, keys: [...keys, key] })
  }

  removeKey (name: OwnerName, id: string): Promise<boolean> {
    return this.#change('removeKey', name, owner => owner.keys.some(key => key.id === id) && { ...owner, keys: owner.keys.filter(key => key.id !== id) })
  }

  setEntries (name: OwnerName, entries: Readonly<Record<string, StoredEntry | null>>): Promise<boolean> {
    return this.#change('setEntries', name, owner => {
      const all = Object.entries({ ...owner.environment, ...entries })
      return { ...owner, environment: Object.fromEntries(all.filter((entry): entry is [string, StoredEntry] => entry[1] !== null)) }
    })
  }

  async reseal (uuid: string | undefined, from: string, to: string): Promise<void> {
    if (uuid === undefined) return await this.#answer('reseal', () => { if (this.data.probe === from) this.data.probe = to })
    const anew = <T extends object>(one: T): T => 'sealed' in one && one.sealed === from ? { ...one, sealed: to } : one
    await this.#change('reseal', { uuid }, ({ keys, environment, ...owner }) => ({
      ...owner, keys: keys.map(anew), environment: Object.fromEntries(Object.entries(environment).map(([name, entry]) => [name, anew(entry)]))
    }))
  }

  consume (uses: readonly TokenUse[]): Promise<readonly boolean[]> {
    return this.#answer('consume', () => uses.map(({ id, expiresAt }) => {
      const first = !this.data.used.has(id)
      if (first) this.data.used.set(id, expiresAt)
      return first
    }))
  }

  async addVersion (name: OwnerName, version: NewVersion, content: Uint8Array): Promise<boolean> {
    const { module } = version
    return await this.#change('addVersion', name, owner => {
      if (this.#version(name.uuid, module, version.version) !== undefined) return false
      this.data.versions.push({ ...version, owner: name.uuid, content: Uint8Array.from(content) })
      return { ...owner, modules: { [module]: null, ...owner.modules } }
    })
  }

  versions (owner: string, module?: string): Promise<readonly StoredVersion[]> {
    return this.#answer('versions', () => this.data.versions.filter(one => one.owner === owner && (module === undefined || one.module === module))
      .map(({ content, ...version }) => version).sort((one, other) => one.createdAt - other.createdAt))
  }

  content (owner: string, module: string, version: string): Promise<Uint8Array | undefined> {
    return this.#answer('content', () => this.#version(owner, module, version)?.content)
  }

  activate (name: OwnerName, module: string, version: string | null): Promise<boolean> {
    return this.#change('activate', name, owner => Object.hasOwn(owner.modules, module) &&
      (version === null || this.#version(name.uuid, module, version) !== undefined) && { ...owner, modules: { ...owner.modules, [module]: version } })
  }

  removeVersion (name: OwnerName, module: string, version?: string): Promise<boolean> {
    return this.#change('removeVersion', name, owner => {
      const all = this.data.versions.filter(one => one.owner === owner.uuid && one.module === module)
      const gone = all.filter(one => version === undefined || one.version === version)
      if (gone.length === 0 || (version !== undefined && owner.modules[module] === version)) return false
      this.data.versions = this.data.versions.filter(one => !gone.includes(one))
      const modules = Object.entries(owner.modules).filter(([name]) => name !== module || gone.length < all.length)
      return { ...owner, modules: Object.fromEntries(modules) }
    })
  }

  #version (owner: string, module: string, version: string) {
    return this.data.versions.find(one => one.owner === owner && one.module === module && one.version === version)
  }

  #change (method: string, { uuid, admin }: Pick<OwnerName, 'uuid'> & Partial<OwnerName>, change: (owner: StoredOwner) => StoredOwner | false): Promise<boolean> {
    return this.#answer(method, () => {
      const owner = this.data.owners.get(uuid)
      const changed = owner !== undefined && (admin === undefined || owner.admin === admin) && change(owner)
      if (changed) this.data.put(changed)
      return changed !== false
    })
  }

  async #answer<T> (method: string, work: () => T): Promise<T> {
    this.calls.push(method)
    if (this.away !== undefined) throw this.away
    this.meanwhile?.(method)
    // Nothing that is given out is what is kept.
    const answer = structuredClone(work())
    await this.hold?.(method)
    if (this.delayMs > 0) await sleep(this.delayMs)
    return answer
  }
}

/** As stores say that they are out of reach. */
export function outOfReach (): Error {
  return platformError('FMS_ERR_UNAVAILABLE', 'the store is out of reach')
}

/** A key for SECRETS_KEY or ADMIN_SECRET: the same for the same name. */
export function keyOf (name: string): string {
  return createHash('sha256').update(name).digest('base64url')
}
