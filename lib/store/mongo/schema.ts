import { randomUUID } from 'node:crypto'
import type { mongodb } from '@fastify/mongodb'
import { platformError } from '../../errors.ts'
import { isDuplicate } from './failure.ts'

export interface SchemaRecord {
  readonly _id: 'schema'
  readonly version: number
  /** Of this database: cursors of another are of no use. */
  readonly installation: string
}

/** Brings documents of version n + 1 from n. Two nodes may run it at once, and a crash may end it: then it runs again. */
export type Migration = (database: mongodb.Db) => Promise<void>

/** The first takes version 1 to version 2. */
const migrations: readonly Migration[] = []

/** Makes the database's schema ours, and gives the installation's id. */
export async function migrate (database: mongodb.Db, meta: mongodb.Collection<SchemaRecord>, steps: readonly Migration[] = migrations): Promise<string> {
  const newest = steps.length + 1
  const { version, installation } = await meta.findOne({ _id: 'schema' }) ?? await create(meta, newest)
  if (version > newest) {
    throw platformError('FMS_ERR_STORE', `expected database "${database.databaseName}" in schema ${newest} or older; found ${version}, which a newer version of fastify-microservices wrote; update this one`)
  }
  for (let at = version; at < newest; at++) {
    await steps[at - 1]!(database)
    await meta.replaceOne({ _id: 'schema' }, { version: at + 1, installation })
  }
  return installation
}

async function create (meta: mongodb.Collection<SchemaRecord>, version: number): Promise<SchemaRecord> {
  try {
    await meta.insertOne({ _id: 'schema', version, installation: randomUUID() })
  } catch (error) {
    // Another node was faster.
    if (!isDuplicate(error)) throw error
  }
  return (await meta.findOne({ _id: 'schema' }))!
}
