import { randomBytes, randomUUID } from 'node:crypto'
import { MongoClient } from 'mongodb'
import t, { type Test } from 'tap'
import { MongoStore } from '../../lib/store/mongo/mongo.ts'
import { newRecord } from '../../lib/store/mongo/records.ts'
import { type Chunk, Snapshot } from '../../lib/store/mongo/snapshot.ts'
import type { Whole } from '../../lib/store/mongo/state.ts'
import type { NewOwner } from '../../types/store.ts'
import { databaseName, mongoServer, NO_SERVER } from '../mongo-server.ts'

const collections = { admin: 'ADMIN', tenant: 'TENANT', environ: 'ENVIRON' }
const server = await mongoServer(t)
const skip = server === undefined && NO_SERVER
const admin = randomUUID()

function tenant (userid: string): NewOwner {
  return { uuid: randomUUID(), role: 'tenant', admin, userid, enabled: true, createdAt: Date.now(), limits: {}, plan: null }
}

async function connect (t: Test): Promise<{ client: MongoClient, database: string }> {
  const database = databaseName(t, server!)
  const client = await new MongoClient(server!.url).connect()
  t.teardown(() => client.close())
  return { client, database }
}

async function chunksOf (t: Test) {
  const { client, database } = await connect(t)
  return client.db(database).collection<Chunk>('CHUNKS', { promoteBuffers: true })
}

function whole (number: number, count: number): Whole {
  const owners = Array.from({ length: count }, (_, i) => newRecord({ ...tenant(`tenant ${i}`), plan: randomBytes(500).toString('hex') }))
  return { number, changes: [{ probe: `probe ${number}` }, ...owners.map(record => ({ owner: record.tenant, record }))] }
}

t.test('of snapshots, the newest that is whole counts, and whoever writes one deletes what is older', { skip }, async t => {
  const chunks = await chunksOf(t)
  const snapshot = new Snapshot(chunks)
  t.strictSame(await snapshot.read(), { number: 0, changes: [] })
  const first = whole(7, 2_000)
  t.equal(await snapshot.write(first), 7)
  t.ok(await chunks.countDocuments() > 1, 'it is in parts')
  const sorted = (changes: Whole['changes']) => changes.map(change => JSON.stringify(change)).sort()
  t.strictSame(sorted((await snapshot.read()).changes), sorted(first.changes))

  const [part] = await chunks.find({ of: null }).limit(1).toArray()
  await chunks.insertOne({ ...part!, _id: '0000000000000009.crashed.0', snapshot: '0000000000000009.crashed' })
  t.equal((await snapshot.read()).number, 7, 'a crash left a newer one unfinished')
  t.equal(await snapshot.write(whole(8, 1)), 8)
  t.equal((await snapshot.read()).number, 8)
  t.equal(await chunks.countDocuments(), 2, 'a part of a newer one may be about to become whole')
  t.equal(await snapshot.write(whole(5, 1)), 8, 'one that comes too late is told so')
  t.equal(await snapshot.write(whole(10, 1)), 10)
  t.equal(await chunks.countDocuments(), 1)
})

t.test('snapshots of one entry, written at once, leave one at least', { skip }, async t => {
  const chunks = await chunksOf(t)
  await Promise.all(Array.from({ length: 8 }, () => new Snapshot(chunks).write(whole(3, 10))))
  const { number, changes } = await new Snapshot(chunks).read()
  t.equal(number, 3)
  t.equal(changes.length, 11)
})

t.test('a start reads the snapshot and what came after it; documents get what only the snapshot had', { skip }, async t => {
  const { client, database } = await connect(t)
  const first = new MongoStore({ client, database, collections })
  await first.open()
  const [stays, goes] = [tenant('stays'), tenant('goes')]
  for (const owner of [stays, goes]) t.equal(await first.addOwner(owner), 'added')
  await first.probe('sealed')
  await first.close()
  const db = client.db(database)
  t.equal(await db.collection('FASTIFY_MICROSERVICES_SNAPSHOT').countDocuments(), 1)
  await db.collection('TENANT').deleteMany({})

  const second = new MongoStore({ client, database, collections, logKeptMs: 0 })
  await second.open()
  t.teardown(() => second.close())
  t.equal(await second.probe('other'), 'sealed')
  t.equal(await second.removeOwner(goes), true)
  for (let found = 0, end = performance.now() + 10_000; found === 0 && performance.now() < end;) {
    t.strictSame((await second.changes()).owners.map(({ userid }) => userid), ['stays'])
    await new Promise(resolve => setTimeout(resolve, 100))
    found = await db.collection('TENANT').countDocuments()
  }
  t.match(await db.collection('TENANT').find().toArray(), [{ _id: stays.uuid, userid: 'stays' }])
})

t.test('a log that does not go on where the snapshot ends is refused', { skip }, async t => {
  const { client, database } = await connect(t)
  const store = new MongoStore({ client, database, collections })
  await store.open()
  await store.addOwner(tenant('first'))
  await store.close()
  await client.db(database).collection('FASTIFY_MICROSERVICES_LOG').deleteMany({})
  await t.rejects(new MongoStore({ client, database, collections }).open(), { code: 'FMS_ERR_STORE', message: /expected entry 1 in the log.*restore both from one backup/ })
})
