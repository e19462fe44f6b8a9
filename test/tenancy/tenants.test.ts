import { inspect } from 'node:util'
import t from 'tap'
import { Tenants } from '../../lib/tenancy/tenants.ts'
import type { OwnerLogEntry } from '../../types/status.ts'
import { admin, limits, open, other, others, second, tenant, until } from './open.ts'

function entry (message: string): OwnerLogEntry {
  return { time: 0, level: 'info', module: 'm', version: '1', message }
}

function messages (tenants: Tenants, uuid: string): string[] {
  return tenants.entries(uuid).map(({ message }) => message)
}

t.test('a tenant is what the sandbox needs: limits, isolation and its environment, opened', async t => {
  const given = { ...others, webAssembly: true, environment: { A: 'configured', B: 'configured' } }
  const { registry } = await open(t, { configured: new Map([[tenant, admin]]), sandbox: { tenants: new Map([[tenant, given]]), others } })
  const tenants = new Tenants(registry)
  t.match(tenants.find(tenant), { owner: tenant, admin, limits, isolation: 'shared', webAssembly: true })
  await registry.setEntry(admin, tenant, { name: 'B', value: 'secret-of-b', secret: true })
  await registry.setEntry(admin, tenant, { name: 'toString', value: 'own', secret: false })
  const found = tenants.find(tenant)!
  t.strictSame({ ...found.environment }, { A: 'configured', B: 'secret-of-b', toString: 'own' })
  t.equal(Object.getPrototypeOf(found.environment), null)
  t.equal(found.isolation, 'dedicated')
  t.ok(Object.isFrozen(found) && Object.isFrozen(found.environment))
  t.notMatch(inspect(found) + JSON.stringify(found) + inspect({ ...found }), 'secret-of-b')
})

t.test('owners that are no tenants are none', async t => {
  const { registry } = await open(t)
  const tenants = new Tenants(registry)
  for (const uuid of [admin, tenant, '', '__proto__']) {
    t.equal(tenants.find(uuid), undefined)
    t.strictSame(tenants.entries(uuid), [])
  }
})

t.test('a tenant is the same object for as long as it may use the same', async t => {
  const { registry } = await open(t)
  await registry.register(admin, { userid: 'ann', uuid: tenant })
  const tenants = new Tenants(registry)
  const first = tenants.find(tenant)
  t.equal(tenants.find(tenant), first)
  await registry.addKey(admin, tenant, 'call')
  await registry.setEnabled(admin, tenant, false)
  t.equal(tenants.find(tenant), first)
  for (const change of [
    () => registry.setLimits(admin, tenant, { limits: { memoryMb: 32 } }), () => registry.setEntry(admin, tenant, { name: 'A', value: '1', secret: false }),
    () => registry.setEntry(admin, tenant, { name: 'A', value: '1', secret: true }), () => registry.removeEntry(admin, tenant, 'A')
  ]) {
    const before = tenants.find(tenant)
    await change()
    t.not(tenants.find(tenant), before)
  }
})

t.test('a log is kept through changes, and goes with its tenant', async t => {
  const { registry } = await open(t, { configured: new Map([[other, admin]]) })
  await registry.register(admin, { userid: 'ann', uuid: tenant })
  const tenants = new Tenants(registry)
  const before = tenants.find(tenant)!
  before.record(entry('one'))
  await registry.setLimits(admin, tenant, { plan: 'small' })
  tenants.find(tenant)!.record(entry('two'))
  before.record(entry('three'))
  t.strictSame(messages(tenants, tenant), ['one', 'two', 'three'])
  tenants.find(other)!.record(entry('configured'))
  await registry.setEnabled(admin, other, false)
  t.strictSame(messages(tenants, other), ['configured'], 'the first record of it in the store makes no other of it')

  await registry.remove(admin, tenant)
  t.strictSame(tenants.entries(tenant), [])
  before.record(entry('late'))
  t.strictSame(tenants.entries(tenant), [])
  await registry.register(second, { userid: 'ann', uuid: tenant })
  t.strictSame(tenants.entries(tenant), [])
})

t.test('who was removed and added again within one look has a new log', async t => {
  const { registry, store } = await open(t)
  await registry.register(admin, { userid: 'ann', uuid: tenant })
  const tenants = new Tenants(registry)
  tenants.find(tenant)!.record(entry('of the first'))
  store.data.put({ ...store.data.owners.get(tenant)!, userid: 'bob', createdAt: 7 })
  await until(() => registry.find(tenant)?.userid === 'bob')
  t.strictSame(tenants.entries(tenant), [])
})

t.test('logs are kept of the tenants that wrote last', async t => {
  const uuids = Array.from({ length: 1_001 }, (_, i) => `aaaaaaaa-aaaa-4aaa-8aaa-${String(i).padStart(12, '0')}`)
  const { registry } = await open(t, { configured: new Map(uuids.map(uuid => [uuid, admin])) })
  const tenants = new Tenants(registry)
  for (const uuid of uuids.slice(0, -1)) tenants.find(uuid)!.record(entry('x'))
  tenants.find(uuids[0]!)!.record(entry('again'))
  tenants.find(uuids.at(-1)!)!.record(entry('x'))
  t.strictSame(messages(tenants, uuids[0]!), ['x', 'again'])
  t.strictSame(messages(tenants, uuids[1]!), [])
  t.strictSame(messages(tenants, uuids.at(-1)!), ['x'])
})
