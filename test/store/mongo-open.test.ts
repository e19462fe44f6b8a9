import { once } from 'node:events'
import { createServer } from 'node:net'
import fastifyMongodb from '@fastify/mongodb'
import Fastify, { type FastifyInstance } from 'fastify'
import { MongoClient } from 'mongodb'
import t, { type Test } from 'tap'
import type { MongoSettings } from '../../lib/installation.ts'
import { MongoStore } from '../../lib/store/mongo/mongo.ts'
import { openMongo } from '../../lib/store/mongo/open.ts'
import { databaseName, mongoServer, NO_SERVER } from '../mongo-server.ts'

const collections = { admin: 'ADMIN', tenant: 'TENANT', environ: 'ENVIRON' }
const server = await mongoServer(t)
const skip = server === undefined && NO_SERVER

function appOf (t: Test): FastifyInstance {
  const app = Fastify()
  t.teardown(() => app.close())
  return app
}

function settings (more: Partial<MongoSettings> = {}): MongoSettings {
  return { database: 'test_open', collections, ...more }
}

/** A port that nobody listens on. */
async function deadPort (): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }
  listener.close()
  await once(listener, 'close')
  return port
}

t.test('a start without a server fails with what was expected, the host and what to do, never the password', async t => {
  const host = `127.0.0.1:${await deadPort()}`
  const app = appOf(t)
  const failure = await openMongo(app, settings({ url: `mongodb://somebody:pass%40word@${host}/` })).catch((error: unknown) => error) as Error
  t.match(failure, { code: 'FMS_ERR_STORE' })
  t.match(failure.message, `expected a MongoDB server at ${host}`)
  t.match(failure.message, 'check MONGO_URL')
  t.notMatch(failure.message, /pass(%40|@)word/)
  await t.resolves(async () => { await app.ready() }, 'the host is not brought down by it')
})

t.test('settings that the driver refuses are named, without the password', async t => {
  for (const [more, found] of [
    [{ url: 'mongodb://u:topsecret@127.0.0.1:99999/' }, /99999.*correct MONGO_URL/],
    [{ url: 'mongodb://127.0.0.1/', username: 'u', password: 'topsecret', authMechanism: 'GUESS' }, /mechanism/i],
    [{ url: 'mongodb://u:topsecret@' }, /host|uri|url/i]
  ] as const) {
    const failure = await openMongo(appOf(t), settings(more)).catch((error: unknown) => error) as Error
    t.match(failure, { code: 'FMS_ERR_STORE' })
    t.match(failure.message, found)
    t.notMatch(failure.message, 'topsecret')
  }
})

t.test('what speaks another protocol on that port is no MongoDB', async t => {
  const web = createServer(socket => { socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n') }).listen(0, '127.0.0.1')
  await once(web, 'listening')
  t.teardown(() => web.close())
  const { port } = web.address() as { port: number }
  await t.rejects(openMongo(appOf(t), settings({ url: `mongodb://127.0.0.1:${port}/` })), { code: 'FMS_ERR_STORE' })
})

t.test('an option that names a connection which the host has not is refused, and says how to make it', async t => {
  await t.rejects(openMongo(appOf(t), settings({ mongo: true })), { code: 'FMS_ERR_STORE', message: /app\.register\(fastifyMongodb, \{ url \}\)/ })
  await t.rejects(openMongo(appOf(t), settings({ mongo: 'other' })), { code: 'FMS_ERR_STORE', message: /name: "other"/ })
})

t.test('a connection of our own leaves the host\'s app.mongo alone, before and after, and closes with the app', { skip }, async t => {
  const app = Fastify()
  const database = databaseName(t, server!)
  await app.register(fastifyMongodb, { url: server!.url, database: 'host' })
  const ofHost = app.mongo
  const store = await openMongo(app, settings({ url: server!.url, database }))
  await store.open()
  t.equal(app.mongo, ofHost)
  t.strictSame(Object.keys(app.mongo).sort(), ['ObjectId', 'client', 'db'])
  t.equal(await store.probe('sealed'), 'sealed')
  await app.close()
  await t.rejects(store.changes(), { code: 'FMS_ERR_UNAVAILABLE' })

  const other = appOf(t)
  await openMongo(other, settings({ url: server!.url, database }))
  await t.resolves(async () => { await other.register(fastifyMongodb, { url: server!.url }) }, 'the host may register its own afterwards')
})

t.test('a connection of the host\'s is used, by name or as its default, and left open', { skip }, async t => {
  const app = appOf(t)
  const database = databaseName(t, server!)
  await app.register(fastifyMongodb, { url: server!.url })
  await app.register(async child => { await child.register(fastifyMongodb, { url: server!.url, name: 'second' }) })
  for (const mongo of [true, 'second'] as const) {
    const store = await openMongo(app, settings({ mongo, database }))
    await store.open()
    t.equal(await store.probe('sealed'), 'sealed')
    await store.close()
  }
  t.match(await app.mongo.client.db('admin').command({ ping: 1 }), { ok: 1 })
})

t.test('a database that a newer version wrote is refused; one of an older is brought up to date, step by step', { skip }, async t => {
  const client = await new MongoClient(server!.url).connect()
  t.teardown(() => client.close())
  const database = databaseName(t, server!)
  const first = new MongoStore({ client, database, collections })
  await first.open()
  await first.probe('kept')
  await first.close()

  const steps: number[] = []
  const migrations = [async () => { steps.push(1) }, async () => { steps.push(2) }]
  const second = new MongoStore({ client, database, collections, migrations })
  await second.open()
  t.equal(await second.probe('other'), 'kept')
  t.strictSame(steps, [1, 2])
  await second.close()
  await new MongoStore({ client, database, collections, migrations }).open()
  t.strictSame(steps, [1, 2], 'each step once')

  await t.rejects(new MongoStore({ client, database, collections }).open(), { code: 'FMS_ERR_STORE', message: /in schema 1 or older; found 3/ })
  t.match(await client.db(database).collection<{ _id: string }>('FASTIFY_MICROSERVICES_META').findOne({ _id: 'schema' }), { version: 3 }, 'and left as it was')
})
