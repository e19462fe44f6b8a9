import { inspect } from 'node:util'
import t from 'tap'
import { Logs } from '../../lib/tenancy/logs.ts'
import { Tenants } from '../../lib/tenancy/tenants.ts'
import type { NewLogEntry } from '../../types/status.ts'
import { admin, limits, open, other, others, second, tenant, until } from './open.ts'

function entry (message: string): NewLogEntry {
  return { time: 0, level: 'info', module: 'm', version: '1', message }
}

function messages (logs: Logs, uuid: string): string[] {
  return logs.entries(uuid).map(({ message }) => message)
}

t.test('a tenant is what the sandbox needs: limits, isolation and its environment, opened', async t => {
  const given = { ...others, webAssembly: true, environment: { A: 'configured', B: 'configured' } }
  const { registry } = await open(t, { configured: new Map([[tenant, admin]]), sandbox: { tenants: new Map([[tenant, given]]), others } })
  const logs = new Logs()
  const tenants = new Tenants(registry, logs)
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
  const logs = new Logs()
  const tenants = new Tenants(registry, logs)
  for (const uuid of [admin, tenant, '', '__proto__']) {
    t.equal(tenants.find(uuid), undefined)
    t.strictSame(logs.entries(uuid), [])
  }
})

t.test('a tenant is the same object for as long as it may use the same', async t => {
  const { registry } = await open(t)
  await registry.register(admin, { userid: 'ann', uuid: tenant })
  const logs = new Logs()
  const tenants = new Tenants(registry, logs)
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
  const logs = new Logs()
  const tenants = new Tenants(registry, logs)
  const before = tenants.find(tenant)!
  const standing = tenants.standing(tenant)!
  before.record(entry('one'))
  await registry.setLimits(admin, tenant, { plan: 'small' })
  tenants.find(tenant)!.record(entry('two'))
  before.record(entry('three'))
  t.strictSame(messages(logs, tenant), ['one', 'two', 'three'])
  tenants.find(other)!.record(entry('configured'))
  await registry.setEnabled(admin, other, false)
  t.strictSame(messages(logs, other), ['configured'], 'the first record of it in the store makes no other of it')

  await registry.remove(admin, tenant)
  t.strictSame(logs.entries(tenant), [])
  before.record(entry('late'))
  t.strictSame(logs.entries(tenant), [])
  await registry.register(second, { userid: 'ann', uuid: tenant })
  before.record(entry('later'))
  t.equal(tenants.logOf(tenant, standing), undefined, 'another has its UUID')
  t.strictSame(logs.entries(tenant), [])
})

t.test('a log that is only read is its tenant\'s too', async t => {
  const { registry, store } = await open(t)
  await registry.register(admin, { userid: 'ann', uuid: tenant })
  const logs = new Logs()
  const tenants = new Tenants(registry, logs)
  let ended = 0
  const reader = { take () {}, mayStay: () => registry.serves(tenant), end () { ended++ } }
  tenants.follow(tenant, reader)
  await registry.setLimits(admin, tenant, { plan: 'small' })
  t.equal(ended, 0, 'a change ends nothing')
  store.data.put({ ...store.data.owners.get(tenant)!, userid: 'bob', createdAt: 7 })
  await until(() => registry.find(tenant)?.userid === 'bob')
  t.equal(ended, 1, 'another tenant has it now')
  tenants.follow(tenant, reader)
  await registry.setEnabled(admin, tenant, false)
  t.equal(ended, 2, 'who may not stay is ended when owners change')
})

t.test('who was removed and added again within one look has a new log', async t => {
  const { registry, store } = await open(t)
  await registry.register(admin, { userid: 'ann', uuid: tenant })
  const logs = new Logs()
  const tenants = new Tenants(registry, logs)
  tenants.find(tenant)!.record(entry('of the first'))
  store.data.put({ ...store.data.owners.get(tenant)!, userid: 'bob', createdAt: 7 })
  await until(() => registry.find(tenant)?.userid === 'bob')
  t.strictSame(logs.entries(tenant), [])
})

t.test('logs are kept of the tenants that wrote last', async t => {
  const uuids = Array.from({ length: 1_001 }, (_, i) => `aaaaaaaa-aaaa-4aaa-8aaa-${String(i).padStart(12, '0')}`)
  const { registry } = await open(t, { configured: new Map(uuids.map(uuid => [uuid, admin])) })
  const logs = new Logs()
  const tenants = new Tenants(registry, logs)
  for (const uuid of uuids.slice(0, -1)) tenants.find(uuid)!.record(entry('x'))
  tenants.find(uuids[0]!)!.record(entry('again'))
  tenants.find(uuids.at(-1)!)!.record(entry('x'))
  t.strictSame(messages(logs, uuids[0]!), ['x', 'again'])
  t.strictSame(messages(logs, uuids[1]!), [])
  t.strictSame(messages(logs, uuids.at(-1)!), ['x'])
})
