import { createHash } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Versions } from '../../lib/deploy/versions.ts'
import { SqliteStore } from '../../lib/store/sqlite/sqlite.ts'
import { temporaryDirectory } from '../helper.ts'
import { FakeStore, outOfReach } from '../tenancy/fake-store.ts'
import { alteredStore } from './altered-store.ts'
import { admin, open, other, second, tenant, thrown } from '../tenancy/open.ts'

const hash = (name: string): string => createHash('sha256').update(name).digest('hex')
const version = (name: string, module = 'hello') => ({ module, version: hash(name), by: `${tenant}.key`, files: 1, bytes: 10 })
const content = Buffer.from('content')

/** Versions in a real store, of a tenant that was registered. */
async function openVersions (t: Test, { kept = 3, directory = join(temporaryDirectory(t), 'data') } = {}) {
  const { registry, store } = await open(t, { store: new SqliteStore({ directory }) })
  if (registry.find(tenant) === undefined) await registry.register(admin, { userid: 'ann', uuid: tenant })
  return { registry, store, directory, owner: registry.find(tenant)!, versions: new Versions({ store, registry, kept }) }
}

t.test('what is kept is listed, the oldest first, and given out', async t => {
  const { versions, owner } = await openVersions(t)
  t.equal(await versions.add(owner, version('one'), content), true)
  t.equal(await versions.add(owner, version('one'), content), false, 'once')
  t.equal(await versions.add(owner, version('two'), content), true)
  t.equal(await versions.add(owner, version('one', 'other'), content), true, 'the same files as another module')
  const list = await versions.list(tenant)
  t.strictSame(list.map(({ module, version }) => [module, version]), [['hello', hash('one')], ['hello', hash('two')], ['other', hash('one')]])
  const [{ createdAt, ...first }] = list as [typeof list[0]]
  t.strictSame(first, { ...version('one'), active: false })
  t.ok(Math.abs(Date.now() - createdAt) < 60_000)
  t.strictSame((await versions.list(tenant, 'other')).length, 1)
  t.strictSame(await versions.list(tenant, 'none'), [])
  t.strictSame(Buffer.from((await versions.content(tenant, 'hello', hash('one')))!), content)
  t.equal(await versions.content(tenant, 'hello', hash('none')), undefined)
})

t.test('one version is active at a time, or none', async t => {
  const { versions, owner } = await openVersions(t)
  for (const name of ['one', 'two']) await versions.add(owner, version(name), content)
  t.strictSame({ ...versions.modulesOf(tenant) }, { hello: null })
  t.strictSame([...versions.owners()], [], 'nobody has anything active')
  t.equal(await versions.activate(owner, 'hello', hash('one')), true)
  t.strictSame({ ...versions.modulesOf(tenant) }, { hello: hash('one') }, 'known at once')
  t.strictSame([...versions.owners()], [tenant])
  t.equal(await versions.activate(owner, 'hello', hash('two')), true)
  t.strictSame((await versions.list(tenant)).map(({ active }) => active), [false, true])
  t.equal(await versions.activate(owner, 'hello', hash('none')), false)
  t.equal(await versions.activate(owner, 'hello', null), true)
  t.strictSame([...versions.owners()], [])
})

t.test('a version is found by its first digits, where they are those of one', async t => {
  const { versions, owner } = await openVersions(t)
  for (const name of ['one', 'two']) await versions.add(owner, version(name), content)
  t.equal(await versions.find(tenant, 'hello', hash('one').slice(0, 12)), hash('one'))
  t.equal(await versions.find(tenant, 'hello', hash('none').slice(0, 12)), undefined)
  t.equal(await versions.find(tenant, 'hello', ''), undefined, 'of several, none')
  t.equal(await versions.find(tenant, 'other', hash('one')), undefined)
  t.equal(await versions.find(other, 'hello', hash('one')), undefined)
})

t.test('the oldest go where they are too many, but neither the active one nor the newest', async t => {
  const { versions, owner } = await openVersions(t)
  const names = ['1', '2', '3', '4', '5']
  for (const name of names) await versions.add(owner, version(name), content)
  await versions.add(owner, version('1', 'other'), content)
  await versions.activate(owner, 'hello', hash('1'))
  t.strictSame(await versions.prune(owner, 'hello', hash('5')), [hash('2'), hash('3')])
  t.strictSame((await versions.list(tenant, 'hello')).map(({ version }) => version), ['1', '4', '5'].map(hash))
  t.equal((await versions.list(tenant, 'other')).length, 1, 'other modules have their own')
  t.strictSame(await versions.prune(owner, 'hello', hash('5')), [])
  const least = await openVersions(t, { kept: 1 })
  for (const name of names) await least.versions.add(least.owner, version(name), content)
  await least.versions.activate(least.owner, 'hello', hash('2'))
  await least.versions.prune(least.owner, 'hello', hash('5'))
  t.strictSame((await least.versions.list(tenant)).map(({ version }) => version), [hash('2'), hash('5')])
})

t.test('a later version is later in the order, whatever the clock says', async t => {
  const { versions, owner } = await openVersions(t)
  const { now } = Date
  t.teardown(() => { Date.now = now })
  for (const [i, name] of ['one', 'two', 'three'].entries()) {
    Date.now = () => 1_000 - i
    await versions.add(owner, version(name), content)
  }
  t.strictSame((await versions.list(tenant)).map(({ version }) => version), ['one', 'two', 'three'].map(hash))
})

t.test('a version is removed, the active one only with its module', async t => {
  const { versions, owner } = await openVersions(t)
  for (const name of ['one', 'two']) await versions.add(owner, version(name), content)
  await versions.activate(owner, 'hello', hash('one'))
  t.equal(await versions.remove(owner, 'hello', hash('one')), false)
  t.equal(await versions.remove(owner, 'hello', hash('two')), true)
  t.equal(await versions.remove(owner, 'hello', hash('two')), false)
  t.equal(await versions.remove(owner, 'hello'), true)
  t.strictSame({ ...versions.modulesOf(tenant) }, {})
  t.equal(await versions.remove(owner, 'hello'), false)
})

t.test('an owner of the settings, of whom nothing is stored, may have versions', async t => {
  const uploader = tenant
  const directory = join(temporaryDirectory(t), 'data')
  const { registry, store } = await open(t, { store: new SqliteStore({ directory }), configured: new Map([[uploader, admin]]) })
  const versions = new Versions({ store, registry, kept: 3 })
  for (const owner of [uploader, admin].map(uuid => registry.find(uuid)!)) {
    t.equal(await versions.add(owner, version('one'), content), true)
    t.equal(await versions.activate(owner, 'hello', hash('one')), true)
  }
  t.strictSame([...versions.owners()].sort(), [admin, uploader].sort())
  t.match(registry.find(uploader), { userid: null, configured: true, admin })
})

t.test('what one node does, another sees with its next look; what is there is there after a restart', async t => {
  const one = await openVersions(t)
  const two = await openVersions(t, { directory: one.directory })
  await one.versions.add(one.owner, version('one'), content)
  await one.versions.activate(one.owner, 'hello', hash('one'))
  await two.registry.look()
  t.strictSame({ ...two.versions.modulesOf(tenant) }, { hello: hash('one') })
  t.equal((await two.versions.list(tenant)).length, 1)
  await Promise.all([one.registry.close(), two.registry.close()])
  const again = await openVersions(t, { directory: one.directory })
  t.strictSame({ ...again.versions.modulesOf(tenant) }, { hello: hash('one') })
})

t.test('an owner that is gone, or another admin\'s by now, has none', async t => {
  const { versions, registry, store, owner } = await openVersions(t)
  const { owner: gone } = await registry.register(admin, { userid: 'gone', uuid: other })
  await registry.remove(admin, other)
  t.match(await thrown(versions.add(gone, version('one'), content)), { statusCode: 404, message: /owner: expected one that exists/ })
  const changing = alteredStore(store, {
    async addVersion (own, ...args) {
      await registry.remove(admin, tenant)
      await registry.register(second, { userid: 'someone else', uuid: tenant })
      return await own(...args)
    }
  })
  const late = new Versions({ store: changing, registry, kept: 3 })
  t.match(await thrown(late.add(owner, version('one'), content)), { statusCode: 404 })
  t.strictSame(await versions.list(tenant), [])
  t.match(await thrown(versions.activate(owner, 'hello', hash('one'))), { statusCode: 404 }, 'who was found before is another now')
})

t.test('an owner has room for so many modules and bytes', async t => {
  const { registry, store } = await open(t)
  const { owner } = await registry.register(admin, { userid: 'ann', uuid: tenant })
  const versions = new Versions({ store, registry, kept: 3 })
  for (let i = 0; i < 100; i++) await versions.add(owner, version('one', `module-${i}`), content)
  t.match(await thrown(versions.add(owner, version('one', 'one-more'), content)), { statusCode: 409, message: /^modules: expected 100/ })
  t.equal(await versions.add(owner, { ...version('two', 'module-0'), bytes: 1024 ** 3 - 1_000 }, content), true)
  t.match(await thrown(versions.add(owner, version('three', 'module-0'), content)), { statusCode: 409, message: /^versions: expected 1073741824 bytes/ })
})

t.test('notes of others are read as far as they make sense', async t => {
  const { versions, store } = await openVersions(t)
  for (const [i, note] of ['', 'null', '[]', '{"by":5,"files":-1.5,"bytes":"x"}', '{"by":"me"}'].entries()) {
    await store.addVersion({ uuid: tenant, admin }, { module: 'hello', version: hash(String(i)), createdAt: i, note }, content)
  }
  t.strictSame((await versions.list(tenant)).map(({ by, files, bytes }) => [by, files, bytes]), [...Array(4).fill(['', 0, 0]), ['me', 0, 0]])
})

t.test('without the store nothing is done, and it says so', async t => {
  const { registry, store } = await open(t, { store: new FakeStore() })
  const { owner } = await registry.register(admin, { userid: 'ann', uuid: tenant })
  const versions = new Versions({ store, registry, kept: 3 })
  store.away = outOfReach()
  const asked = [
    () => versions.list(tenant), () => versions.find(tenant, 'hello', hash('one')), () => versions.content(tenant, 'hello', hash('one')),
    () => versions.add(owner, version('one'), content), () => versions.activate(owner, 'hello', hash('one')), () => versions.remove(owner, 'hello'),
    () => versions.prune(owner, 'hello', hash('one'))
  ]
  for (const ask of asked) t.match(await thrown(ask()), { code: 'FMS_ERR_UNAVAILABLE', statusCode: 503 }, String(ask))
  store.away = undefined
  t.strictSame(await versions.list(tenant), [])
})
