import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { MongoClient } from 'mongodb'
import t, { type Test } from 'tap'
import { STEPS } from '../../lib/cli/elevation/elevate.ts'
import { databaseName, mongoServer, NO_SERVER } from '../mongo-server.ts'
import { becomes } from '../nodes/nodes.ts'
import { tenant } from '../owners/owners.ts'
import { change, elevateEach, elevateIn, oldInstallation, type OldInstallation, runCommand, secretEntries, serve } from './installations.ts'
import { guardedServer } from './mongo-users.ts'

const server = await mongoServer(t)
const skip = server === undefined && NO_SERVER
const root = { name: 'the root', password: 'p@ss/word:1' }

function settingsOf ({ to }: OldInstallation): Record<string, string> {
  return parseEnv(readFileSync(join(to, '.env'), 'utf8')) as Record<string, string>
}

/** The new installation works, and the old one lets its tenant go. */
async function checkServed (t: Test, old: OldInstallation): Promise<void> {
  const settings = settingsOf(old)
  const [before, fresh] = [await serve(t, old.folder), await serve(t, old.to)]
  t.match(await before.call(`/${tenant}/whoami`), { status: 404 })
  await becomes(t, 'its modules answer', async () => (await fresh.call(`/${tenant}/whoami`)).status, 200)
  t.match(await fresh.call(`/${tenant}/whoami`), { body: { trusted: true, owner: tenant, env: secretEntries } })
  t.match(await fresh.call(`/${tenant}/shout/shout/word`), { status: 200, body: 'WORD' })
  const by = { kid: `${tenant}.first`, secret: settings['ADMIN_SECRET']! }
  t.match(await fresh.call(`/${tenant}/tenant-api/register`, { method: 'POST', by, payload: { userid: 'one of its own' } }), { status: 200 })
}

t.test('in MongoDB it gets a database of its own; that a server has no users is said', { skip }, async t => {
  const database = databaseName(t, server!)
  const next = databaseName(t, server!)
  const old = await oldInstallation(t, { MONGO_URL: server!.url, ADMIN_TABLE: database })
  const { code, stdout, stderr } = await runCommand(old, ['elevate', tenant, '--to', old.to, '--mongo-database', next])
  t.equal(code, 0, stderr)
  const settings = settingsOf(old)
  t.equal(settings['ADMIN_TABLE'], next)
  // The server of MONGO_URL may be any; FerretDB 1.24 has no users.
  if (settings['MONGO_INITDB_ROOT_USERNAME'] === undefined) t.match(stdout, `Note: this MongoDB has no users: whoever reaches it reaches the new database ${next} as well`)
  t.notOk(existsSync(join(old.to, 'data/store.sqlite')))
  await checkServed(t, old)
})

t.test('cut off after each step in turn, it goes on where it was', { skip }, async t => {
  const [database, next] = [databaseName(t, server!), databaseName(t, server!)]
  const old = await oldInstallation(t, { MONGO_URL: server!.url, ADMIN_TABLE: database })
  const order = { tenant, folder: old.to, database: next }
  for (const step of ['database', 'store', 'copied', 'disabled'] as const) t.equal(await elevateIn(old, { ...order, killAfter: step }), undefined, step)
  const outcomes = await elevateEach(old, STEPS.map(step => ({ ...order, failAfter: step })))
  t.match(outcomes.at(-1), { isRepeated: false })
  await change(old.options, async ({ registry }) => t.equal(registry.find(tenant)?.enabled, false))
  await checkServed(t, old)
})

t.test('on a server that has users it gets one of its own, for its own database, and never the root\'s', { skip }, async t => {
  const guarded = await guardedServer(t, server!.url, root)
  const database = databaseName(t, server!)
  const credentials = `${encodeURIComponent(root.name)}:${encodeURIComponent(root.password)}@`
  const old = await oldInstallation(t, { MONGO_URL: `${guarded.url.replace('//', `//${credentials}`)}admin?appName=old&authSource=admin`, ADMIN_TABLE: database })
  await elevateIn(old, { tenant, folder: old.to, killAfter: 'database' })
  t.match(await elevateIn(old, { tenant, folder: old.to }), { isRepeated: false, message: undefined })
  const settings = settingsOf(old)
  const name = settings['ADMIN_TABLE']!
  t.teardown(() => dropped(name))
  t.equal(name, `${database.slice(0, 27)}_${tenant.replaceAll('-', '')}`)
  t.match(settings, { MONGO_URL: `${guarded.url}?appName=old`, MONGO_INITDB_ROOT_USERNAME: name, MONGO_INITDB_DATABASE: name })
  t.notMatch(readFileSync(join(old.to, '.env'), 'utf8'), new RegExp(`${root.name}|${encodeURIComponent(root.name)}|p@ss|p%40ss`))
  t.strictSame(guarded.users.get(`${name}.${name}`), { password: settings['MONGO_INITDB_ROOT_PASSWORD'], roles: [{ role: 'readWrite', db: name }] })
  await checkServed(t, old)

  const client = new MongoClient(guarded.url, { auth: { username: name, password: settings['MONGO_INITDB_ROOT_PASSWORD']! }, authSource: name })
  t.teardown(() => client.close())
  t.equal(typeof await client.db(name).collection('ADMIN').countDocuments(), 'number')
  await t.rejects(client.db(database).collection('ADMIN').countDocuments(), { code: 13 }, 'the old installation is out of its reach')
})

t.test('a user who may not make users is told who may; with that one\'s credentials for this command, it goes on', { skip }, async t => {
  const guarded = await guardedServer(t, server!.url, root)
  const [database, next] = [databaseName(t, server!), databaseName(t, server!)]
  guarded.users.set(`${database}.owner`, { password: 'secret-of-owner', roles: [{ role: 'readWrite', db: database }] })
  guarded.users.set('admin.lister', { password: 'secret-of-lister', roles: [{ role: 'readWrite', db: database }, { role: 'readWrite', db: next }] })
  const own = { MONGO_INITDB_ROOT_USERNAME: 'owner', MONGO_INITDB_ROOT_PASSWORD: 'secret-of-owner', MONGO_INITDB_DATABASE: database }
  const old = await oldInstallation(t, { MONGO_URL: guarded.url, ADMIN_TABLE: database, ...own })
  const args = ['elevate', tenant, '--to', old.to, '--mongo-database', next]
  for (const environment of [{}, { MONGO_INITDB_ROOT_USERNAME: 'lister', MONGO_INITDB_ROOT_PASSWORD: 'secret-of-lister', MONGO_INITDB_DATABASE: 'admin' }]) {
    const { code, stderr } = await runCommand(old, args, environment)
    t.equal(code, 1)
    t.match(stderr, /not authorized.*MONGO_INITDB_ROOT_USERNAME, MONGO_INITDB_ROOT_PASSWORD and MONGO_INITDB_DATABASE to those of a user who may make users/s)
    t.notMatch(stderr, 'secret-of')
  }
  const asRoot = { MONGO_INITDB_ROOT_USERNAME: root.name, MONGO_INITDB_ROOT_PASSWORD: root.password, MONGO_INITDB_DATABASE: 'admin' }
  t.match(await runCommand(old, args, asRoot), { code: 0, stdout: /this shell sets .*MONGO_INITDB_ROOT_USERNAME, which would win/ })
  t.match(settingsOf(old), { MONGO_INITDB_ROOT_USERNAME: next, MONGO_INITDB_DATABASE: next })
})

t.test('a database that is in use, or is this installation\'s, is refused', { skip }, async t => {
  const [database, used] = [databaseName(t, server!), databaseName(t, server!)]
  const client = await new MongoClient(server!.url).connect()
  t.teardown(() => client.close())
  await client.db(used).collection('things').insertOne({ of: 'somebody' })
  const old = await oldInstallation(t, { MONGO_URL: server!.url, ADMIN_TABLE: database })
  const outcomes = await elevateEach(old, [used, database, 'no/name', 'x'.repeat(61)].map(name => ({ tenant, folder: old.to, database: name })))
  t.match(outcomes, [
    { message: new RegExp(`--mongo-database: expected a database that is empty; found "${used}", which has 1 collections`) },
    { message: /expected another database than this installation's/ },
    { message: /--mongo-database: expected a name of letters/ },
    { message: /--mongo-database: expected a name of letters/ }
  ])
  t.notOk(existsSync(old.to))
})

t.test('without a server it says so, and changes nothing', async t => {
  const { folder, to } = await oldInstallation(t)
  const { code, stderr } = await runCommand({ folder }, ['elevate', tenant, '--to', to], { MONGO_URL: 'mongodb://u:topsecret@127.0.0.1:1/' })
  t.equal(code, 1)
  t.match(stderr, /expected a MongoDB server at 127\.0\.0\.1:1/)
  t.notMatch(stderr, 'topsecret')
  t.notOk(existsSync(to))
})

async function dropped (name: string): Promise<void> {
  const client = new MongoClient(server!.url, { serverSelectionTimeoutMS: 2_000 })
  await client.db(name).dropDatabase().catch(() => {})
  await client.close()
}
