import { inspect } from 'node:util'
import t from 'tap'
import { Registry } from '../../lib/tenancy/registry.ts'
import type { NewOwner } from '../../types/store.ts'
import { FakeData, FakeStore, keyOf, outOfReach } from './fake-store.ts'
import { admin, collect, limits, type Line, make, open, other, second, settingsOf, tenant, thrown, until } from './open.ts'

const third = '33333333-3333-4333-8333-333333333333'

function record (uuid: string, more: Partial<NewOwner> = {}): NewOwner {
  return { uuid, role: 'tenant', admin, userid: uuid, enabled: true, createdAt: 1, limits: {}, plan: null, ...more }
}

/** What is told next of these. */
function told (registry: Registry, uuid: string): Promise<ReadonlySet<string>> {
  return new Promise(resolve => registry.onChange(uuids => { if (uuids.has(uuid)) resolve(uuids) }))
}

t.test('what one node does, another sees by itself', async t => {
  const data = new FakeData()
  const one = (await open(t, { store: new FakeStore(data) })).registry
  const two = (await open(t, { store: new FakeStore(data) })).registry
  const seen = async (change: Promise<unknown>): Promise<void> => {
    const [uuids] = await Promise.all([told(two, tenant), change])
    t.strictSame([...uuids], [tenant])
  }
  let keys: Awaited<ReturnType<Registry['register']>>['keys'] = []
  await seen(one.register(admin, { userid: 'ann', uuid: tenant }).then(made => { keys = made.keys }))
  t.match(two.find(tenant), { userid: 'ann', admin })
  t.strictSame(two.key(keys[0]!.kid)?.secret, Buffer.from(keys[0]!.secret, 'base64url'))
  await seen(one.setLimits(admin, tenant, { limits: { memoryMb: 16 } }))
  t.equal(two.find(tenant)?.limits.memoryMb, 16)
  await seen(one.removeKey(admin, tenant, keys[0]!.kid))
  t.equal(two.key(keys[0]!.kid), undefined)
  await seen(one.setEnabled(admin, tenant, false))
  t.notOk(two.serves(tenant))
  await seen(one.remove(admin, tenant))
  t.equal(two.find(tenant), undefined)
})

t.test('a node manages what another has done before it has seen that', async t => {
  const data = new FakeData()
  const [one, two] = await Promise.all([1, 2].map(async () => (await open(t, { store: new FakeStore(data) })).registry))
  await one!.register(admin, { userid: 'ann', uuid: tenant })
  t.match(await two!.get(admin, tenant), { userid: 'ann' })
  await one!.setEntry(admin, tenant, { name: 'A', value: '1', secret: false })
  await two!.removeEntry(admin, tenant, 'A')
  await one!.remove(admin, tenant)
  t.match(await thrown(two!.addKey(admin, tenant, 'call')), { statusCode: 404 })
  t.match(await thrown(one!.setEnabled(admin, tenant, true)), { statusCode: 404 })
})

t.test('two nodes may give a tenant of the configuration its first change at once', async t => {
  const data = new FakeData()
  const configured = new Map([[tenant, admin]])
  const nodes = await Promise.all([1, 2].map(async () => (await open(t, { store: new FakeStore(data), configured })).registry))
  await Promise.all(nodes.map((node, i) => node.setEntry(admin, tenant, { name: `A${i}`, value: 'v', secret: false })))
  for (const node of nodes) t.strictSame((await node.entriesOf(admin, tenant)).map(({ name }) => name).sort().slice(-2).includes('A0'), true)
  t.strictSame(Object.keys(data.owners.get(tenant)!.environment).sort(), ['A0', 'A1'])
  t.equal(data.owners.get(tenant)!.userid, null)
})

t.test('what was read earlier never comes over what was read later', async t => {
  const { registry, store } = await open(t)
  let release = (): void => {}
  const held = new Promise<void>(resolve => { release = resolve })
  const reading = new Promise<void>(resolve => {
    store.hold = method => {
      if (method !== 'changes') return undefined
      store.hold = undefined
      resolve()
      return held
    }
  })
  // A look is on its way with the old state, while a change is written.
  await reading
  const change = registry.register(admin, { userid: 'ann', uuid: tenant })
  await until(() => store.data.owners.has(tenant))
  release()
  await change
  t.ok(registry.serves(tenant))
  t.equal(store.calls.filter(method => method === 'open').length, 1)
})

t.test('changes that are made at once share looks at the store', async t => {
  const { registry, store } = await open(t)
  store.calls.length = 0
  await Promise.all(Array.from({ length: 32 }, (_, i) => registry.register(admin, { userid: `user-${i}` })))
  t.equal(store.calls.filter(method => method === 'addOwner').length, 32)
  t.ok(store.calls.filter(method => method === 'changes').length <= 4, `${store.calls.filter(method => method === 'changes').length} looks`)
  t.equal(registry.list(admin, { limit: 100 }).owners.length, 32)
})

t.test('looks never overlap, however slow the store is', async t => {
  const { registry, store } = await open(t)
  let [now, most] = [0, 0]
  store.hold = async method => {
    if (method !== 'changes') return
    most = Math.max(most, ++now)
    await new Promise(resolve => setTimeout(resolve, 30))
    now--
  }
  for (let i = 0; i < 5; i++) await Promise.all(Array.from({ length: 8 }, (_, j) => registry.register(admin, { userid: `${i} ${j}` })))
  t.equal(most, 1)
})

t.test('listeners are told whom something changed for, and one that throws keeps nobody from it', async t => {
  const { registry, store, lines } = await open(t)
  const all: string[][] = []
  registry.onChange(() => { throw new Error('a bad listener') })
  registry.onChange(uuids => { all.push([...uuids].sort()) })
  await registry.register(admin, { userid: 'ann', uuid: tenant })
  await registry.setEnabled(admin, tenant, true)
  store.data.put({ ...store.data.owners.get(tenant)! })
  await store.addOwner(record(other))
  await until(() => registry.find(other))
  store.forgetful = true
  const before = store.calls.length
  await until(() => store.calls.length > before + 1)
  t.strictSame(all, [[tenant], [other]], 'what comes again unchanged is no change')
  t.equal(lines.filter(({ level, text }) => level === 'error' && text.includes('a bad listener')).length, 2)
})

t.test('where all owners come, those who do not are gone', async t => {
  const { registry, store } = await open(t, { configured: new Map([[other, admin]]) })
  await registry.register(admin, { userid: 'ann', uuid: tenant })
  await registry.setEnabled(admin, other, false)
  store.forgetful = true
  for (const uuid of [tenant, other, admin]) store.data.owners.delete(uuid)
  await until(() => registry.find(tenant) === undefined)
  t.ok(registry.serves(admin), 'an admin is one by the settings')
  t.ok(registry.serves(other), 'a tenant of the configuration as well')
})

t.test('while the store is out of reach what was known counts, until it is too old', async t => {
  const { registry, store, lines } = await open(t, { staleSecs: 1 })
  const { keys: [key] } = await registry.register(admin, { userid: 'ann', uuid: tenant })
  t.notOk(registry.stale)
  store.away = outOfReach()
  await until(() => lines.length > 0)
  t.notOk(registry.stale)
  t.ok(registry.serves(tenant))
  t.ok(registry.key(key!.kid))
  await until(() => registry.stale)
  await store.data.put({ ...store.data.owners.get(tenant)!, enabled: false })
  store.away = undefined
  await until(() => !registry.stale)
  t.notOk(registry.serves(tenant))
  await until(() => lines.length > 1)
  t.strictSame(lines.map(({ level }) => level), ['error', 'info'], 'one line when it goes, one when it is back')
  t.match(lines[0]!.text, /the store cannot be reached/)
})

t.test('a store that cannot be opened keeps the app from starting, and is closed', async t => {
  for (const away of [outOfReach(), new Error('no such thing')]) {
    const { registry, store } = make()
    store.away = away
    t.match(await thrown(registry.open()), { code: 'FMS_ERR_STORE' })
    t.notOk(store.opened)
  }
})

t.test('secrets that were sealed with a key that is not there keep the app from starting', async t => {
  const data = new FakeData()
  await (await open(t, { store: new FakeStore(data) })).registry.register(admin, { userid: 'ann', uuid: tenant })
  for (const [secretsKeys, message] of [
    [[keyOf('wrong')], /^the store cannot be used: SECRETS_KEY: expected the key that this installation's secrets were sealed with; found [0-9a-f]{8} \(.*sealed with the key [0-9a-f]{8}/],
    [[], /SECRETS_KEY: expected the key that this installation's secrets were sealed with; found none/]
  ] as const) {
    const { registry, store } = make({ store: new FakeStore(data), secretsKeys, adminSecrets: [] })
    const error = await thrown(registry.open())
    t.match(error, { code: 'FMS_ERR_STORE', message })
    t.notMatch(inspect(error), keyOf('wrong'))
    t.notOk(store.opened)
  }
})

t.test('without SECRETS_KEY all is possible that seals nothing', async t => {
  const { registry, store } = await open(t, { secretsKeys: [], adminSecrets: [], configured: new Map([[tenant, admin]]) })
  await registry.setLimits(admin, tenant, { plan: 'small' })
  await registry.setEnabled(admin, tenant, false)
  await registry.setEntry(admin, tenant, { name: 'A', value: 'plain', secret: false })
  t.match(await thrown(registry.setEntry(admin, tenant, { name: 'A', value: 'x', secret: true })), { code: 'FMS_ERR_STORE', message: /SECRETS_KEY/ })
  t.match(await thrown(registry.addKey(admin, tenant, 'call')), { code: 'FMS_ERR_STORE' })
  t.equal(registry.key(`${admin}.first`), undefined)
  t.equal(store.data.probe, undefined)
  const again = await open(t, { store: new FakeStore(store.data), secretsKeys: [], adminSecrets: [] })
  t.equal(again.registry.key(`${admin}.first`), undefined)
})

t.test('an admin that is a tenant in the store keeps the app from starting', async t => {
  const data = new FakeData()
  await new FakeStore(data).addOwner(record(second))
  const { registry, store } = make({ store: new FakeStore(data) })
  t.match(await thrown(registry.open()), { code: 'FMS_ERR_STORE', message: new RegExp(`ADMIN_ID: expected UUIDs that no tenant has; found ${second}`) })
  t.notOk(store.opened)
})

t.test('tenants whose admin is none any more are not served, which is said once', async t => {
  const data = new FakeData()
  const store = new FakeStore(data)
  for (const uuid of [tenant, other]) await store.addOwner(record(uuid, { admin: third }))
  const { registry, lines } = await open(t, { store: new FakeStore(data) })
  t.equal(registry.find(tenant), undefined)
  t.notOk(registry.serves(other))
  t.strictSame(lines.map(({ level }) => level), ['warn'])
  t.match(lines[0]!.text, new RegExp(`tenants of ${third} are not served: expected it in ADMIN_ID`))
  t.match(await thrown(registry.register(admin, { userid: 'x', uuid: tenant })), { statusCode: 409 })
  const again = await open(t, { store: new FakeStore(data), admins: [admin, third] })
  t.ok(again.registry.serves(tenant), 'nothing was lost')
})

t.test('a tenant stays that of the admin who registered it, also where the configuration names it later', async t => {
  const data = new FakeData()
  await (await open(t, { store: new FakeStore(data) })).registry.register(second, { userid: 'ann', uuid: tenant })
  const { registry, lines } = await open(t, { store: new FakeStore(data), configured: new Map([[tenant, admin]]) })
  t.match(registry.find(tenant), { admin: second, registered: true, configured: true })
  t.match(lines, [{ level: 'warn', text: new RegExp(`${tenant} stays that of ${second}`) }])
  t.match(await thrown(registry.remove(second, tenant)), { statusCode: 409 })
})

t.test('a plan that is no more leaves the installation\'s limits, which is said once', async t => {
  const data = new FakeData()
  const store = new FakeStore(data)
  for (const uuid of [tenant, other]) await store.addOwner(record(uuid, { plan: 'gone' }))
  const { registry, lines } = await open(t, { store })
  t.strictSame(registry.find(tenant)?.limits, limits)
  t.equal(registry.find(tenant)?.limits, registry.find(other)?.limits, 'one object')
  t.strictSame(lines.map(({ level }) => level), ['warn'])
  t.match(lines[0]!.text, /plan "gone": expected in option plans/)
})

t.test('a secret that was damaged is missing, said once, and harms nothing else', async t => {
  const { registry, store, lines } = await open(t)
  const { keys: [call, manage] } = await registry.register(admin, { userid: 'ann', uuid: tenant })
  for (const name of ['A', 'B']) await registry.setEntry(admin, tenant, { name, value: `value of ${name}`, secret: true })
  const { keys, environment, ...rest } = store.data.owners.get(tenant)!
  const changed = told(registry, tenant)
  store.data.put({
    ...rest,
    keys: [{ ...keys[0]!, sealed: keys[1]!.sealed }, keys[1]!],
    environment: { ...environment, A: environment['B']!, C: { sealed: 'garbage' } }
  })
  await changed
  for (let i = 0; i < 3; i++) {
    t.strictSame({ ...registry.find(tenant)!.environment() }, { B: 'value of B' })
    t.equal(registry.key(call!.kid), undefined)
    t.ok(registry.key(manage!.kid))
  }
  t.strictSame(lines.map(({ level }) => level), ['warn', 'warn', 'warn'])
  for (const name of ['entry "A"', 'entry "C"', `key "${call!.kid.slice(37)}"`]) t.match(lines.filter(({ text }) => text.startsWith(`${name} of ${tenant} cannot be opened`)), { length: 1 })
})

t.test('admins are in the store from the first start on, also if nodes start at once', async t => {
  const data = new FakeData()
  await Promise.all([1, 2, 3].map(() => open(t, { store: new FakeStore(data) })))
  t.strictSame([...data.owners.values()].map(({ uuid, role, admin, userid }) => ({ uuid, role, admin, userid })),
    [admin, second].map(uuid => ({ uuid, role: 'admin', admin: uuid, userid: null })))
})

t.test('a closed registry looks no more, and closes the store once', async t => {
  const { registry, store } = await open(t)
  await Promise.all([registry.close(), registry.close()])
  t.notOk(store.opened)
  const { length } = store.calls
  await new Promise(resolve => setTimeout(resolve, 400))
  t.equal(store.calls.length, length)
})

t.test('a store that never answers does not hold up the end', async t => {
  const lines: Line[] = []
  const store = new FakeStore()
  const registry = new Registry({ store, settings: settingsOf(), log: collect(lines) })
  await registry.open()
  store.close = () => Promise.reject(new Error('it cannot be closed'))
  await registry.close()
  t.match(lines, [{ level: 'error', text: /the store cannot be closed: .*it cannot be closed/ }])
})
