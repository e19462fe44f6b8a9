import t, { type Test } from 'tap'
import { Deployer, type DeployerOptions } from '../../lib/deploy/deployer.ts'
import { Turns } from '../../lib/deploy/turns.ts'
import { Versions } from '../../lib/deploy/versions.ts'
import { FakeData, FakeStore } from '../tenancy/fake-store.ts'
import { admin, open, tenant, thrown } from '../tenancy/open.ts'

/** A node whose catalog serves whatever it is told to, and notes it. */
async function node (t: Test, data: FakeData) {
  const { registry, store } = await open(t, { store: new FakeStore(data) })
  const versions = new Versions({ store, registry, kept: 3 })
  const done: string[] = []
  const hooks: { making?: () => Promise<unknown> } = {}
  const catalog = {
    modules: [],
    live: () => undefined,
    prepare: () => undefined,
    make: async (_owner: string, name: string) => {
      await hooks.making?.()
      return { name, file: '/x/index.ts', problems: [], endpoints: [], alias: undefined }
    },
    follow: async (owner: string) => { done.push(`follow ${versions.modulesOf(owner)['hello']?.slice(0, 4)}`) },
    discard: async () => { done.push('discard') }
  } as unknown as ReturnType<DeployerOptions['catalog']>
  const unused = (): never => { throw new Error('nobody asks') }
  const deployer = new Deployer({
    versions, registry, catalog: () => catalog, unpacker: { unpack: unused }, once: { use: unused }, settings: { uploads: 'on', tokenTtlSecs: 60 }
  })
  const asker = { owner: tenant, by: `${admin}.first` }
  const upload = (text: string, more: object = {}) =>
    deployer.upload({ ...asker, module: 'hello', body: Buffer.from(text), type: 'text/typescript', activate: true, compatible: false, ...more })
  return { deployer, registry, versions, asker, upload, done, hooks, store }
}

async function nodes (t: Test) {
  const data = new FakeData()
  const one = await node(t, data)
  await one.registry.register(admin, { userid: 'ann', uuid: tenant })
  const two = await node(t, data)
  return { one, two, active: () => data.owners.get(tenant)?.modules['hello'], kept: () => data.versions.map(({ version }) => version) }
}

t.test('what another node did a moment ago counts', async t => {
  const { one, two, active } = await nodes(t)
  const first = (await one.upload('1')).version
  const second = (await two.upload('2')).version
  t.equal(active(), second)
  await one.deployer.activate(one.asker, 'hello', first)
  await two.deployer.activate(two.asker, 'hello', second)
  t.equal(active(), second, 'activated again, where it was the last that this node knew of')
  await one.deployer.activate(one.asker, 'hello', first)
  t.match(await two.upload('2'), { unchanged: true, active: true })
  t.equal(active(), second, 'so is what is uploaded again')
  await one.upload('3')
  t.match(await two.deployer.rollback(two.asker, 'hello'), { version: second }, 'the one before the active one')
  t.match(await thrown(one.deployer.remove(one.asker, 'hello', second)), { statusCode: 409 })
  await two.deployer.remove(two.asker, 'hello')
  t.strictSame(await one.deployer.list(one.asker), [])
})

t.test('who is asked for may be gone, or another\'s, by the time', async t => {
  const { one, two, kept } = await nodes(t)
  await two.registry.remove(admin, tenant)
  for (const ask of [() => one.upload('1'), () => one.deployer.list(one.asker), () => one.deployer.rollback(one.asker, 'hello')]) {
    t.match(await thrown(ask()), { code: 'FMS_ERR_TOKEN', statusCode: 401 })
  }
  t.strictSame(kept(), [])
})

t.test('nor may who asks have lost the key, or the owner gone, while a version was made', async t => {
  const { one, two, kept, active } = await nodes(t)
  const { version } = await one.upload('1')
  const other = (await one.upload('2', { activate: false })).version
  const { kid: by } = await one.registry.addKey(admin, tenant, 'manage')
  const changes: Record<string, () => Promise<unknown>> = {
    'its key is removed': () => two.registry.removeKey(admin, tenant, by),
    'it is disabled': () => two.registry.setEnabled(admin, tenant, false)
  }
  for (const [name, change] of Object.entries(changes)) {
    await one.registry.setEnabled(admin, tenant, true)
    one.hooks.making = change
    const asker = name === 'its key is removed' ? { ...one.asker, by } : one.asker
    t.match(await thrown(one.upload('3', asker)), { statusCode: 401 }, name)
    await two.registry.setEnabled(admin, tenant, true)
    t.match(await thrown(one.deployer.activate(asker, 'hello', other)), { statusCode: 401 }, `${name}, to activate`)
    t.strictSame([active(), kept()], [version, [version, other]])
  }
  await two.registry.setEnabled(admin, tenant, true)
  one.hooks.making = async () => {
    await two.registry.remove(admin, tenant)
    await new Promise(resolve => setTimeout(resolve, 2))
    await two.registry.register(admin, { userid: 'somebody else', uuid: tenant })
  }
  t.match(await thrown(one.upload('3')), { statusCode: 401 })
  t.strictSame([active(), kept()], [undefined, []], 'nothing of the one that is gone is the new one\'s')
})

t.test('two nodes take the same version at once: it is kept once', async t => {
  const { one, two, kept, active } = await nodes(t)
  const [first, second] = await Promise.all([one.upload('1'), two.upload('1')])
  t.equal(first.version, second.version)
  t.strictSame(kept(), [first.version])
  t.equal(active(), first.version)
})

t.test('of one that fails on one node, nothing goes that another node has activated', async t => {
  const { one, two, active, kept } = await nodes(t)
  const { version } = await one.upload('1')
  const lost = two.store.activate
  two.store.activate = async () => { throw new Error('lost') }
  t.match(await thrown(two.upload('2')), { statusCode: 503 })
  t.strictSame([active(), kept()], [version, [version]])
  two.store.activate = lost
  t.match(await two.upload('2'), { unchanged: false, active: true })
})

t.test('an owner works on one thing at a time, until it is done, and so many owners at once', async t => {
  const { one } = await nodes(t)
  const { version } = await one.upload('1', { activate: false })
  const released = Promise.withResolvers<void>()
  one.store.hold = method => method === 'versions' ? released.promise : undefined
  const first = one.upload('2')
  for (const ask of [() => one.upload('3'), () => one.deployer.activate(one.asker, 'hello', version), () => one.deployer.rollback(one.asker, 'hello')]) {
    t.match(await thrown(ask()), { code: 'FMS_ERR_BUSY', statusCode: 429, headers: { 'retry-after': '1' } })
  }
  released.resolve()
  await first
  t.match(await one.upload('3'), { active: true })
  one.store.activate = async () => { throw new Error('lost') }
  await thrown(one.upload('4'))
  Reflect.deleteProperty(one.store, 'activate')
  t.match(await one.upload('5'), { active: true }, 'also after one that failed')

  const turns = new Turns()
  const over = Promise.withResolvers<void>()
  const all = Array.from({ length: 16 }, (_, i) => turns.take(String(i), () => over.promise))
  t.match(await thrown(turns.take('another', async () => {})), { code: 'FMS_ERR_UNAVAILABLE', statusCode: 503 })
  over.resolve()
  await Promise.all(all)
  t.equal(await turns.take('another', async () => 1), 1)
})
