import t, { type Test } from 'tap'
import { Deployer, type DeployerOptions } from '../../lib/deploy/deployer.ts'
import { Versions } from '../../lib/deploy/versions.ts'
import { FakeData, FakeStore } from '../tenancy/fake-store.ts'
import { admin, open, tenant, thrown } from '../tenancy/open.ts'

/** A node whose catalog serves whatever it is told to, and notes it. */
async function node (t: Test, data: FakeData) {
  const { registry, store } = await open(t, { store: new FakeStore(data) })
  const versions = new Versions({ store, registry, kept: 3 })
  const done: string[] = []
  const catalog = {
    modules: [],
    live: () => undefined,
    prepare: () => undefined,
    make: async (_owner: string, name: string) => ({ name, file: '/x/index.ts', problems: [], endpoints: [], alias: undefined }),
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
  return { deployer, registry, versions, asker, upload, done, store }
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
