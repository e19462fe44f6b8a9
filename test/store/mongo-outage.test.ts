import { randomUUID } from 'node:crypto'
import { MongoClient } from 'mongodb'
import t, { type Test } from 'tap'
import { MongoStore } from '../../lib/store/mongo/mongo.ts'
import type { NewOwner } from '../../types/store.ts'
import { mongoProxy } from '../mongo-proxy.ts'
import { databaseName, mongoServer, NO_SERVER } from '../mongo-server.ts'

const collections = { admin: 'ADMIN', tenant: 'TENANT', environ: 'ENVIRON' }
const server = await mongoServer(t)
const skip = server === undefined && NO_SERVER
const admin = randomUUID()

function tenant (userid: string): NewOwner {
  return { uuid: randomUUID(), role: 'tenant', admin, userid, enabled: true, createdAt: Date.now(), limits: {}, plan: null }
}

async function open (t: Test, url: string, database: string, logKeptMs?: number): Promise<MongoStore> {
  const client = await new MongoClient(url, { serverSelectionTimeoutMS: 5_000 }).connect()
  const store = new MongoStore({ client, database, collections, release: () => client.close(), ...(logKeptMs !== undefined && { logKeptMs }) })
  t.teardown(() => store.close())
  await store.open()
  return store
}

/** Until it does what it should, for 10 s at most. */
async function eventually<T> (work: () => Promise<T>): Promise<T> {
  for (const end = performance.now() + 10_000; ;) {
    try {
      return await work()
    } catch (error) {
      if (performance.now() > end) throw error
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}

for (const loss of ['cut', 'freeze'] as const) {
  t.test(`a database that is lost (${loss}) fails each call soon, and serves again once it is back`, { skip }, async t => {
    const proxy = await mongoProxy(t, server!.url)
    const database = databaseName(t, server!)
    const [store, another] = [await open(t, proxy.url, database), await open(t, server!.url, database)]
    const before = tenant('before')
    t.equal(await store.addOwner(before), 'added')
    const { cursor } = await store.changes()

    proxy[loss]()
    const begun = performance.now()
    await Promise.all([
      t.rejects(store.changes(cursor), { code: 'FMS_ERR_UNAVAILABLE', headers: { 'retry-after': '1' } }),
      t.rejects(store.addOwner(tenant('during')), { code: 'FMS_ERR_UNAVAILABLE' }),
      t.rejects(store.consume([{ id: 'x', expiresAt: Date.now() + 60_000 }]), { code: 'FMS_ERR_UNAVAILABLE' })
    ])
    t.ok(performance.now() - begun < 10_000, 'none of them hung')
    const meanwhile = tenant('meanwhile')
    t.equal(await another.addOwner(meanwhile), 'added')

    proxy.restore()
    const { owners, whole } = await eventually(() => store.changes(cursor))
    t.ok(whole || owners.some(({ uuid }) => uuid === meanwhile.uuid), 'what was missed comes')
    t.equal(await store.updateOwner(meanwhile, { enabled: false }), true)
    t.equal(await store.addOwner(tenant('before')), 'userid')
  })
}

t.test('a node that slept while the log moved on changes nothing by what it knew', { skip }, async t => {
  const database = databaseName(t, server!)
  const [sleeper, another] = [await open(t, server!.url, database, 0), await open(t, server!.url, database, 0)]
  t.equal(await sleeper.addOwner(tenant('first')), 'added')
  const { cursor } = await sleeper.changes()
  // It keeps house a last time, and sleeps until entries that it knows have left the log.
  await new Promise(resolve => setTimeout(resolve, 1_000))
  const client = await new MongoClient(server!.url).connect()
  t.teardown(() => client.close())
  const log = client.db(database).collection<{ _id: string }>('FASTIFY_MICROSERVICES_LOG')
  for (const userid of ['second', 'third']) t.equal(await another.addOwner(tenant(userid)), 'added')
  await eventually(async () => {
    await another.changes()
    if (await log.countDocuments() > 1) throw new Error('the log is still long')
  })

  const answer = await eventually(() => sleeper.addOwner(tenant('second')))
  t.equal(answer, 'userid', 'it has read everything again')
  const changes = await sleeper.changes(cursor)
  t.equal(changes.whole, true)
  t.strictSame(changes.owners.map(({ userid }) => userid).sort(), ['first', 'second', 'third'])
})

t.test('what the log has and the documents lack is there after a crash, and is written by whoever comes next', { skip }, async t => {
  const database = databaseName(t, server!)
  const client = await new MongoClient(server!.url).connect()
  t.teardown(() => client.close())
  // Never closed, and its process does not live on: nothing is written behind the log.
  const crashed = new MongoStore({ client, database, collections })
  await crashed.open()
  const [stays, goes] = [tenant('stays'), tenant('goes')]
  t.strictSame(await Promise.all([stays, goes].map(owner => crashed.addOwner(owner))), ['added', 'added'])
  await crashed.setEntries(stays, { A: { value: '$x' } })
  await crashed.removeOwner(goes)
  const tenants = client.db(database).collection<{ _id: string }>('TENANT')
  await tenants.deleteMany({})
  await client.db(database).collection('ENVIRON').deleteMany({})

  const next = await open(t, server!.url, database, 0)
  t.match((await next.changes()).owners, [{ uuid: stays.uuid, environment: { A: { value: '$x' } } }])
  await next.addOwner(tenant('more'))
  const document = await eventually(async () => {
    await next.changes()
    const found = await tenants.findOne({ _id: stays.uuid })
    if (found === null || await tenants.countDocuments({ _id: goes.uuid }) > 0) throw new Error('not written yet')
    return found
  })
  t.match(document, { tenant: stays.uuid, userid: 'stays', enabled: true, createdAt: Date })
})
