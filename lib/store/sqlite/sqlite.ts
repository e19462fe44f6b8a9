import { join, resolve } from 'node:path'
import { platformError, unavailable } from '../../errors.ts'
import type {
  Changes, NewOwner, NewVersion, OwnerChange, OwnerName, Store, StoredEntry, StoredKey, StoredOwner, StoredVersion, TokenUse
} from '../../../types/store.ts'
import { Channel } from './channel.ts'

/** The store without a server: one file, which several processes of one machine may share. */
export class SqliteStore implements Store {
  readonly #channel: Channel
  #state: 'new' | 'open' | 'closed' = 'new'
  #closing: Promise<void> | undefined

  /** @param options.directory is made where it is missing, for this user of the system alone */
  constructor ({ directory }: { readonly directory: string }) {
    this.#channel = new Channel(join(resolve(directory), 'store.sqlite'))
  }

  async open (): Promise<void> {
    if (this.#state !== 'new') throw platformError('FMS_ERR_STORE', `it is ${this.#state}, and a store is opened once`)
    this.#state = 'open'
    try {
      await this.#channel.open()
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async close (): Promise<void> {
    this.#state = 'closed'
    await (this.#closing ??= this.#channel.close())
  }

  async probe (sealed: string): Promise<string> {
    return await this.#opened.write('probe', sealed)
  }

  async changes (cursor?: string): Promise<Changes> {
    const changes = await this.#opened.read('changes', cursor)
    return { ...changes, owners: JSON.parse(changes.owners) }
  }

  async addOwner ({ keys = [], ...owner }: NewOwner): Promise<'added' | 'uuid' | 'userid'> {
    const document: StoredOwner = { ...owner, keys, environment: {}, modules: {} }
    return await this.#opened.write('addOwner', owner.uuid, owner.admin, owner.userid, JSON.stringify(document))
  }

  async updateOwner (owner: OwnerName, change: OwnerChange): Promise<boolean> {
    return await this.#opened.write('updateOwner', owner, change)
  }

  async removeOwner (owner: OwnerName): Promise<boolean> {
    return await this.#opened.write('removeOwner', owner)
  }

  async addKey (owner: OwnerName, key: StoredKey, most: number): Promise<boolean> {
    return await this.#opened.write('addKey', owner, key, most)
  }

  async removeKey (owner: OwnerName, id: string): Promise<boolean> {
    return await this.#opened.write('removeKey', owner, id)
  }

  async setEntries (owner: OwnerName, entries: Readonly<Record<string, StoredEntry | null>>): Promise<boolean> {
    return await this.#opened.write('setEntries', owner, entries)
  }

  async reseal (owner: string | undefined, from: string, to: string): Promise<void> {
    if (owner === undefined) await this.#opened.write('resealProbe', from, to)
    else await this.#opened.write('reseal', owner, from, to)
  }

  async consume (uses: readonly TokenUse[]): Promise<readonly boolean[]> {
    return await this.#opened.write('consume', uses.map(({ id }) => id), uses.map(({ expiresAt }) => expiresAt))
  }

  async addVersion (owner: OwnerName, version: NewVersion, content: Uint8Array): Promise<boolean> {
    // A copy of its own: what a Buffer shows may be a small part of what would cross with it.
    return await this.#opened.write('addVersion', owner, version, new Uint8Array(content))
  }

  async versions (owner: string, module?: string): Promise<readonly StoredVersion[]> {
    return await this.#opened.read('versions', owner, module)
  }

  async content (owner: string, module: string, version: string): Promise<Uint8Array | undefined> {
    return await this.#opened.read('content', owner, module, version)
  }

  async activate (owner: OwnerName, module: string, version: string | null): Promise<boolean> {
    return await this.#opened.write('activate', owner, module, version)
  }

  async removeVersion (owner: OwnerName, module: string, version?: string): Promise<boolean> {
    return await this.#opened.write('removeVersion', owner, module, version)
  }

  get #opened (): Channel {
    if (this.#state !== 'open') throw unavailable(this.#state === 'new' ? 'the store is not open yet' : 'the store is closed')
    return this.#channel
  }
}
