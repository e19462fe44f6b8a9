import type { mongodb } from '@fastify/mongodb'
import { isDuplicate } from './failure.ts'
import type { EntryRecord, OwnerRecord } from './records.ts'
import type { OwnerChanged } from './state.ts'

/** `revision`: the entry of the log that made it so. Documents without are not ours. */
export interface OwnerDocument extends Omit<OwnerRecord, 'environment' | 'createdAt'> {
  readonly _id: string
  readonly revision: number
  readonly createdAt: Date
}

export interface EnvironmentDocument {
  readonly _id: string
  readonly revision: number
  readonly tenant: string
  readonly entries: readonly EntryRecord[]
}

export interface DocumentCollections {
  readonly admins: mongodb.Collection<OwnerDocument>
  readonly tenants: mongodb.Collection<OwnerDocument>
  readonly environments: mongodb.Collection<EnvironmentDocument>
}

/** Documents written at once: enough to be quick, and few enough to be done before a deadline. */
const PORTION = 500

type Document = { readonly _id: string, readonly revision: number }

/**
 * Owners as documents of their own, for whoever looks into the database: no node reads them. Written after the log has them, they
 * may lag behind, and lack what a crash kept from being written; what an entry says is in them before it leaves the log.
 */
export class Documents {
  readonly #in: DocumentCollections

  constructor (collections: DocumentCollections) {
    this.#in = collections
  }

  /** Writes owners as these changes left them, unless what is there is newer. */
  async write (changes: readonly OwnerChanged[]): Promise<void> {
    const { admins, tenants, environments } = this.#in
    for (let at = 0; at < changes.length; at += PORTION) {
      const portion = changes.slice(at, at + PORTION)
      const documents = portion.flatMap(({ record, number }) => record ? documentOf(record, number) : [])
      const gone = portion.filter(({ record }) => record === null)
      await put(admins, documents.filter(({ role }) => role === 'admin'))
      await put(tenants, documents.filter(({ role }) => role === 'tenant'))
      await put(environments, portion.flatMap(({ record, number }) => record?.environment.length ? environmentOf(record, number) : []))
      await drop(environments, portion.filter(({ record }) => !record?.environment.length))
      for (const owners of [admins, tenants]) await drop(owners, gone)
    }
  }

  /** Those of these changes that the documents do not have. */
  async lacks (changes: readonly OwnerChanged[]): Promise<OwnerChanged[]> {
    if (changes.length === 0) return []
    const { admins, tenants, environments } = this.#in
    const those = { _id: { $in: changes.map(({ owner }) => owner) } }
    const fields = { projection: { revision: 1 } }
    const revisions = async (...of: Array<mongodb.Collection<OwnerDocument> | mongodb.Collection<EnvironmentDocument>>): Promise<Map<string, number>> => {
      const found = await Promise.all(of.map(collection => (collection as unknown as mongodb.Collection<Document>).find(those, fields).toArray()))
      return new Map(found.flat().map(({ _id, revision }) => [_id, revision]))
    }
    const [owners, entries] = [await revisions(admins, tenants), await revisions(environments)]
    return changes.filter(({ owner, number, record }) =>
      !reflects(owners.get(owner), number, record !== null) || !reflects(entries.get(owner), number, (record?.environment.length ?? 0) > 0))
  }
}

/** Whether a document of this revision (undefined: none) is what change `number` left, or newer. */
function reflects (revision: number | undefined, number: number, exists: boolean): boolean {
  return revision === undefined ? !exists : revision >= number
}

function documentOf ({ environment: _, ...record }: OwnerRecord, revision: number): OwnerDocument {
  return { _id: record.tenant, revision, ...record, createdAt: new Date(record.createdAt) }
}

function environmentOf ({ tenant, environment }: OwnerRecord, revision: number): EnvironmentDocument {
  return { _id: tenant, revision, tenant, entries: environment }
}

/** New ones by insertion, which is quick everywhere; those that are there are replaced where they are older. */
async function put<T extends Document> (collection: mongodb.Collection<T>, documents: readonly T[]): Promise<void> {
  if (documents.length === 0) return
  const there: T[] = []
  try {
    await collection.insertMany(documents as unknown as Array<mongodb.OptionalUnlessRequiredId<T>>, { ordered: false })
  } catch (error) {
    if (!isDuplicate(error)) throw error
    for (const { index } of [(error as mongodb.MongoBulkWriteError).writeErrors].flat()) there.push(documents[index]!)
  }
  for (const { _id, ...document } of there) {
    await collection.replaceOne({ _id, revision: { $lt: document.revision } } as unknown as mongodb.Filter<T>, document as unknown as mongodb.WithoutId<T>)
  }
}

async function drop<T extends Document> (collection: mongodb.Collection<T>, changes: readonly OwnerChanged[]): Promise<void> {
  if (changes.length === 0) return
  const deletions = changes.map(({ owner, number }) => ({ deleteOne: { filter: { _id: owner, revision: { $lt: number } } as unknown as mongodb.Filter<T> } }))
  await collection.bulkWrite(deletions, { ordered: false })
}
