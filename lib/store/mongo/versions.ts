import { randomUUID } from 'node:crypto'
import type { mongodb } from '@fastify/mongodb'
import type { StoredVersion } from '../../../types/store.ts'

export interface VersionDocument extends Omit<StoredVersion, 'owner' | 'createdAt'> {
  readonly _id: string
  readonly tenant: string
  readonly createdAt: Date
}

/** Apart from its version: a list of versions must not read their contents. */
export interface ContentDocument {
  readonly _id: string
  readonly content: Uint8Array
}

/** Versions of modules. Written before the log names them, and deleted after it does no longer: what it does not name is not there. */
export class Versions {
  readonly #versions: mongodb.Collection<VersionDocument>
  readonly #contents: mongodb.Collection<ContentDocument>

  constructor (versions: mongodb.Collection<VersionDocument>, contents: mongodb.Collection<ContentDocument>) {
    this.#versions = versions
    this.#contents = contents
  }

  /** Gives the id. */
  async add ({ owner, createdAt, ...version }: StoredVersion, content: Uint8Array): Promise<string> {
    const _id = randomUUID()
    await this.#contents.insertOne({ _id, content })
    await this.#versions.insertOne({ _id, tenant: owner, createdAt: new Date(createdAt), ...version })
    return _id
  }

  async find (ids: readonly string[]): Promise<StoredVersion[]> {
    if (ids.length === 0) return []
    const documents = await this.#versions.find({ _id: { $in: [...ids] } }).toArray()
    return documents.map(({ _id, tenant, createdAt, ...version }) => ({ owner: tenant, ...version, createdAt: createdAt.getTime() }))
      .sort((a, b) => a.createdAt - b.createdAt)
  }

  async content (id: string): Promise<Uint8Array | undefined> {
    const found = await this.#contents.findOne({ _id: id }, { promoteBuffers: true })
    return found?.content
  }

  async remove (ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      await this.#versions.deleteOne({ _id: id })
      await this.#contents.deleteOne({ _id: id })
    }
  }
}
