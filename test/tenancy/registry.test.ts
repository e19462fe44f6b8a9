import { inspect } from 'node:util'
import t from 'tap'
import { FakeData, FakeStore, keyOf, outOfReach } from './fake-store.ts'
import { admin, limits, open, other, others, second, tenant, thrown } from './open.ts'

const nobody = 'cccccccc-cccc-4ccc-8ccc-cccccccccccc'
const secret = 'xyz-geheim-xyz'

t.test('a tenant is registered, and is there at once', async t => {
  const { registry, store } = await open(t)
  const { owner, keys } = await registry.register(admin, { userid: 'ann' })
  t.match(owner, { role: 'tenant', admin, userid: 'ann', enabled: true, registered: true, configured: false, plan: null })
  t.equal(registry.find(owner.uuid), owner)
  t.ok(registry.serves(owner.uuid))
  t.equal(registry.adminOf(owner.uuid), admin)
  t.strictSame(owner.limits, limits)
  t.strictSame(keys.map(({ kind }) => kind), ['call', 'manage'])
  for (const { kid, kind, secret } of keys) {
    t.match(kid, new RegExp(`^${owner.uuid}\\.[\\w-]{12}$`))
    t.match(secret, /^[\w-]{43}$/)
    const key = registry.key(kid)
    t.match(key, { owner: owner.uuid, kind })
    t.strictSame(key?.secret, Buffer.from(secret, 'base64url'))
    t.equal(registry.key(kid), key, 'the same object, so that what was made of it can be kept')
  }
  t.notMatch(JSON.stringify([...store.data.owners.values()]), new RegExp(keys.map(({ secret }) => secret).join('|')))
})

t.test('a uuid may be wished for, in any case', async t => {
  const { registry } = await open(t)
  t.equal((await registry.register(admin, { userid: 'a', uuid: tenant.toUpperCase() })).owner.uuid, tenant)
  t.equal((await registry.get(admin, tenant.toUpperCase())).uuid, tenant)
  t.match(await thrown(registry.register(admin, { userid: 'b', uuid: 'b' })), { statusCode: 400, message: 'uuid: expected a UUID; found "b"' })
})

t.test('a uuid or a userid that is known is a 409, and nothing is added', async t => {
  const { registry, store } = await open(t, { configured: new Map([[other, admin]]) })
  await registry.register(admin, { userid: 'ann', uuid: tenant })
  const before = store.data.number
  t.match(await thrown(registry.register(admin, { userid: 'ann' })), { statusCode: 409, message: /^userid: .*"ann"/ })
  for (const uuid of [tenant, admin, second]) {
    t.match(await thrown(registry.register(second, { userid: 'eve', uuid })), { statusCode: 409, message: `uuid: expected one that nobody has; found ${uuid}, which is taken` })
  }
  t.match(await thrown(registry.register(admin, { userid: 'bob', uuid: other })), { statusCode: 409, message: /by configuration/ })
  t.equal(store.data.number, before)
  await registry.register(second, { userid: 'ann' })
  t.pass('another admin may use the userid')
})

t.test('of many who want the same userid or uuid at once, one gets it', async t => {
  const data = new FakeData()
  const nodes = await Promise.all([1, 2].map(() => open(t, { store: new FakeStore(data) })))
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => nodes[i % 2]!.registry.register(admin, { userid: 'ann' })))
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  const wished = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => nodes[i % 2]!.registry.register(admin, { userid: `ann-${i}`, uuid: tenant })))
  t.equal(wished.filter(({ status }) => status === 'fulfilled').length, 1)
})

t.test('a userid is 1 to 200 characters that can be read', async t => {
  const { registry } = await open(t)
  for (const userid of ['', 'a\nb', '\u0000', '\u007f', '\u0085', 'x'.repeat(201), '\ud800', '😀'.repeat(201)]) {
    t.match(await thrown(registry.register(admin, { userid })), { statusCode: 400, message: /^userid: expected 1 to 200 characters/ }, JSON.stringify(userid).slice(0, 20))
  }
  for (const userid of ['x'.repeat(200), '😀'.repeat(200), '__proto__', 'ann@example.com', '$where', 'a.b']) {
    t.equal((await registry.register(admin, { userid })).owner.userid, userid)
  }
})

t.test('another admin\'s tenant is as unknown as one that does not exist', async t => {
  const { registry } = await open(t)
  const { owner, keys } = await registry.register(admin, { userid: 'ann', uuid: tenant })
  await registry.setEntry(admin, tenant, { name: 'A', value: '1', secret: false })
  const attempts = (uuid: string) => [
    registry.get(second, uuid), registry.setEnabled(second, uuid, false), registry.remove(second, uuid), registry.setLimits(second, uuid, { plan: 'small' }),
    registry.keysOf(second, uuid), registry.addKey(second, uuid, 'call'), registry.removeKey(second, uuid, keys[0]!.kid), registry.entriesOf(second, uuid),
    registry.setEntry(second, uuid, { name: 'A', value: '2', secret: true }), registry.removeEntry(second, uuid, 'A')
  ].map(thrown)
  for (const uuid of [tenant, nobody, admin, 'no uuid', '']) {
    for (const { statusCode, message } of await Promise.all(attempts(uuid))) {
      t.strictSame({ statusCode, message }, { statusCode: 404, message: `uuid: expected that of a tenant of yours; found ${JSON.stringify(uuid)}` })
    }
  }
  t.equal(registry.find(tenant)?.enabled, true)
  t.strictSame(registry.list(second, { limit: 10 }), { owners: [] })
  t.strictSame(registry.list(admin, { limit: 10 }).owners.map(({ uuid }) => uuid), [owner.uuid])
})

t.test('a UUID that becomes another admin\'s between the look and the write stays as it is, and is unknown', async t => {
  const { registry, store, store: { data } } = await open(t)
  const { keys: [key] } = await registry.register(admin, { userid: 'ann', uuid: tenant })
  await registry.setEntry(admin, tenant, { name: 'A', value: '1', secret: false })
  const ours = data.owners.get(tenant)!
  const theirs = { ...ours, admin: second }
  const attempts: Array<[method: string, attempt: () => Promise<unknown>]> = [
    ['updateOwner', () => registry.setEnabled(admin, tenant, false)],
    ['removeOwner', () => registry.remove(admin, tenant)],
    ['addKey', () => registry.addKey(admin, tenant, 'call')],
    ['removeKey', () => registry.removeKey(admin, tenant, key!.kid)],
    ['setEntries', () => registry.setEntry(admin, tenant, { name: 'A', value: '2', secret: false })],
    ['setEntries', () => registry.removeEntry(admin, tenant, 'A')]
  ]
  for (const [method, attempt] of attempts) {
    data.put(ours)
    store.meanwhile = called => { if (called === method) data.put(theirs) }
    t.match(await thrown(attempt()), { statusCode: 404, message: `uuid: expected that of a tenant of yours; found "${tenant}"` }, method)
    t.equal(data.owners.get(tenant), theirs, `${method} changed nothing`)
  }
  data.put(ours)
  store.meanwhile = called => { if (called === 'changes' && data.owners.get(tenant)?.enabled === false) data.put(theirs) }
  t.match(await thrown(registry.setEnabled(admin, tenant, false)), { statusCode: 404 }, 'nor is it shown, where it comes right after the write')
})

t.test('tenants are listed in pages, which stay right while tenants come and go', async t => {
  const { registry } = await open(t, { configured: new Map([[tenant, admin]]) })
  for (let i = 0; i < 10; i++) await registry.register(admin, { userid: `user-${i}`, uuid: `${i}0000000-0000-4000-8000-000000000000` })
  const first = registry.list(admin, { limit: 4 })
  t.strictSame(first.owners.map(({ userid }) => userid), ['user-0', 'user-1', 'user-2', 'user-3'])
  await registry.remove(admin, first.next!)
  await registry.register(admin, { userid: 'new', uuid: '35000000-0000-4000-8000-000000000000' })
  const next = registry.list(admin, { after: first.next!, limit: 4 })
  t.strictSame(next.owners.map(({ userid }) => userid), ['new', 'user-4', 'user-5', 'user-6'])
  const last = registry.list(admin, { after: next.next!.toUpperCase(), limit: 4 })
  t.strictSame(last.owners.map(({ userid, uuid }) => userid ?? uuid), ['user-7', 'user-8', 'user-9', tenant])
  t.equal(last.next, undefined)
})

t.test('a disabled tenant is there, and its keys are not', async t => {
  const { registry } = await open(t)
  const { keys: [key] } = await registry.register(admin, { userid: 'ann', uuid: tenant })
  t.equal((await registry.setEnabled(admin, tenant, false)).enabled, false)
  t.notOk(registry.serves(tenant))
  t.equal(registry.adminOf(tenant), admin)
  t.equal(registry.key(key!.kid), undefined)
  t.equal((await registry.setEnabled(admin, tenant, true)).enabled, true)
  t.ok(registry.key(key!.kid))
})

t.test('a removed tenant is gone with all that was its, and its uuid and userid are free', async t => {
  const { registry } = await open(t)
  const { keys: [key] } = await registry.register(admin, { userid: 'ann', uuid: tenant })
  await registry.setEntry(admin, tenant, { name: 'A', value: '1', secret: false })
  await registry.remove(admin, tenant)
  t.equal(registry.find(tenant), undefined)
  t.equal(registry.key(key!.kid), undefined)
  t.match(await thrown(registry.remove(admin, tenant)), { statusCode: 404 })
  await registry.register(admin, { userid: 'ann', uuid: tenant })
  t.strictSame(await registry.entriesOf(admin, tenant), [])
  t.equal(registry.key(key!.kid), undefined)
})

t.test('keys are added, listed without their secrets, and revoked at once', async t => {
  const { registry } = await open(t)
  const { keys } = await registry.register(admin, { userid: 'ann', uuid: tenant })
  const added = await registry.addKey(admin, tenant, 'manage')
  t.match(registry.key(added.kid), { owner: tenant, kind: 'manage' })
  const listed = await registry.keysOf(admin, tenant)
  t.strictSame(listed.map(({ kid, kind }) => ({ kid, kind })), [...keys, added].map(({ kid, kind }) => ({ kid, kind })))
  t.strictSame(Object.keys(listed[0]!), ['kid', 'kind', 'createdAt'])
  for (const { kid } of [...keys, added]) {
    await registry.removeKey(admin, tenant, kid)
    t.equal(registry.key(kid), undefined)
  }
  t.strictSame(await registry.keysOf(admin, tenant), [], 'the last as well')
  for (const kid of [added.kid, 'x', `${other}.x`, `${tenant}.`, `${tenant}.first`]) {
    t.match(await thrown(registry.removeKey(admin, tenant, kid)), { statusCode: 404, message: /^kid: expected that of a key/ })
    t.equal(registry.key(kid), undefined)
  }
})

t.test('an owner has at most 20 keys', async t => {
  const { registry } = await open(t)
  await registry.register(admin, { userid: 'ann', uuid: tenant })
  for (const [uuid, most] of [[tenant, 18], [admin, 19], [second, 20]] as const) {
    const by = uuid === tenant ? admin : uuid
    const outcomes = await Promise.allSettled(Array.from({ length: 25 }, () => registry.addKey(by, uuid, 'call')))
    t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, most)
    t.equal((await registry.keysOf(by, uuid)).length, 20)
    t.match(await thrown(registry.addKey(by, uuid, 'call')), { statusCode: 409, message: /expected 20 at most/ })
  }
})

t.test('an admin has its first key by the settings, and keys of its own, but nothing else of a tenant\'s', async t => {
  const { registry } = await open(t)
  const first = registry.key(`${admin}.first`)
  t.match(first, { owner: admin, kind: 'manage' })
  t.strictSame(first?.secret, Buffer.from(keyOf('first of admin'), 'base64url'))
  t.equal(registry.key(`${second}.first`), undefined, 'ADMIN_SECRET has none for it')
  const { kid } = await registry.addKey(admin, admin, 'call')
  t.strictSame((await registry.keysOf(admin, admin)).map(key => key.kid), [`${admin}.first`, kid])
  t.match(await thrown(registry.removeKey(admin, admin, `${admin}.first`)), { statusCode: 409, message: /change ADMIN_SECRET/ })
  await registry.removeKey(admin, admin, kid)
  t.equal(registry.key(kid), undefined)
  const attempts = [
    registry.get(admin, admin), registry.setEnabled(admin, admin, false), registry.remove(admin, admin), registry.setLimits(admin, admin, { limits: {} }),
    registry.entriesOf(admin, admin), registry.setEntry(admin, admin, { name: 'A', value: '', secret: false })
  ].map(thrown)
  for (const attempt of attempts) t.match(await attempt, { statusCode: 400, message: /expected a tenant's; found 1{8}-.*, which is your own/ })
  t.ok(registry.serves(admin))
  t.equal(registry.adminOf(admin), undefined)
})

t.test('limits are the tenant\'s own or a plan\'s, within the installation\'s', async t => {
  const { registry } = await open(t)
  await registry.register(admin, { userid: 'ann', uuid: tenant })
  t.strictSame((await registry.setLimits(admin, tenant, { limits: { turnMs: 500, memoryMb: 32 } })).limits, { ...limits, turnMs: 500, memoryMb: 32 })
  t.strictSame(registry.find(tenant)?.ownLimits, { turnMs: 500, memoryMb: 32 })
  t.match(await registry.setLimits(admin, tenant, { plan: 'small' }), { plan: 'small', ownLimits: {}, limits: { turnMs: limits.turnMs, memoryMb: 16 } })
  t.match(await registry.setLimits(admin, tenant, { limits: { turnMs: 100 } }), { plan: null, limits: { turnMs: 100, memoryMb: limits.memoryMb } })
  t.strictSame((await registry.setLimits(admin, tenant, { limits: {} })).limits, limits)
  for (const [to, message] of [
    [{ plan: 'large' }, /^plan: expected one of small; found "large"/],
    [{ limits: { memoryMb: limits.memoryMb + 1 } }, new RegExp(`limits.memoryMb: expected ${limits.memoryMb} at most, .*found ${limits.memoryMb + 1}`)],
    [{ limits: { memoryMb: 1 } }, /memoryMb/], [{ limits: { memoryMb: '32' } }, /memoryMb/], [{ limits: { other: 1 } }, /other/]
  ] as const) t.match(await thrown(registry.setLimits(admin, tenant, to as never)), { statusCode: 400, message })
  t.strictSame(registry.find(tenant)?.limits, limits)
})

t.test('entries are plain and listed, or secret and never shown', async t => {
  const { registry, store } = await open(t)
  await registry.register(admin, { userid: 'ann', uuid: tenant })
  await registry.setEntry(admin, tenant, { name: 'PLAIN', value: 'one', secret: false })
  t.equal(registry.find(tenant)?.isolation, 'shared')
  await registry.setEntry(admin, tenant, { name: 'HIDDEN', value: secret, secret: true })
  t.strictSame(await registry.entriesOf(admin, tenant), [{ name: 'HIDDEN', secret: true }, { name: 'PLAIN', secret: false, value: 'one' }])
  const owner = registry.find(tenant)!
  t.equal(owner.isolation, 'dedicated', 'a secret is for a process of its own')
  t.strictSame({ ...owner.environment() }, { PLAIN: 'one', HIDDEN: secret })
  t.notMatch(JSON.stringify([...store.data.owners.values()]), secret)
  await registry.setEntry(admin, tenant, { name: 'HIDDEN', value: 'not any more', secret: false })
  t.equal(registry.find(tenant)?.isolation, 'shared')
  await registry.removeEntry(admin, tenant, 'HIDDEN')
  t.strictSame({ ...registry.find(tenant)!.environment() }, { PLAIN: 'one' })
  t.match(await thrown(registry.removeEntry(admin, tenant, 'HIDDEN')), { statusCode: 404, message: /^name: .*found "HIDDEN"/ })
  t.match(await thrown(registry.removeEntry(admin, tenant, 'toString')), { statusCode: 404 })
})

t.test('entries have names that are names, and are only so many and so large', async t => {
  const { registry } = await open(t)
  await registry.register(admin, { userid: 'ann', uuid: tenant })
  const set = (name: string, value: string, secret = false) => registry.setEntry(admin, tenant, { name, value, secret })
  for (const name of ['', '1A', 'A-B', 'A B', 'A\n', 'Ä', '__proto__', 'constructor', 'prototype', 'x'.repeat(129)]) {
    t.match(await thrown(set(name, 'v')), { statusCode: 400, message: /^name: expected/ }, name.slice(0, 20))
  }
  const tooLarge = await thrown(set('A', `${secret}${'ü'.repeat(4_096)}`, true))
  t.match(tooLarge, { statusCode: 400, message: /^value: expected 8192 bytes .*found 8206/ })
  t.notMatch(inspect(tooLarge), secret)
  t.match(await thrown(set('A', '\udc00')), { statusCode: 400, message: /surrogate/ })
  for (let i = 0; i < 7; i++) await set(`A${i}`, 'x'.repeat(8_192), i % 2 === 0)
  t.match(await thrown(set('A7', 'x'.repeat(8_192))), { statusCode: 409, message: /expected 65536 bytes .*found 65552/ })
  await set('A6', '')
  await set('A7', 'x'.repeat(8_192), true)
  for (let i = 8; i < 100; i++) await set(`A${i}`, '')
  t.match(await thrown(set('B', '')), { statusCode: 409, message: /expected 100 entries at most/ })
  await set('A99', 'again')
  t.equal((await registry.entriesOf(admin, tenant)).length, 100)
})

t.test('a tenant of the configuration is there without a record, and has one from its first change on', async t => {
  const configuredLimits = { ...limits, memoryMb: 32 }
  const given = { ...others, limits: configuredLimits, environment: { A: 'configured', B: 'configured' } }
  const settings = { configured: new Map([[tenant, second], [other, admin]]), sandbox: { tenants: new Map([[tenant, given]]), others } }
  const { registry, store } = await open(t, settings)
  t.match(registry.find(tenant), { admin: second, userid: null, enabled: true, registered: false, configured: true, createdAt: null, limits: configuredLimits })
  t.ok(registry.serves(tenant))
  t.notOk(store.data.owners.has(tenant))
  await registry.setEntry(second, tenant, { name: 'A', value: 'own', secret: false })
  t.match(store.data.owners.get(tenant), { role: 'tenant', admin: second, userid: null, enabled: true })
  t.strictSame({ ...registry.find(tenant)!.environment() }, { A: 'own', B: 'configured' }, 'its own entries come over those of the configuration')
  t.match(await thrown(registry.setLimits(second, tenant, { limits: { memoryMb: 64 } })), { statusCode: 400, message: /expected 32 at most/ })
  await registry.setEnabled(admin, other, false)
  t.notOk(registry.serves(other))
  const { kid } = await registry.addKey(admin, other, 'call')
  await registry.setEnabled(admin, other, true)
  t.ok(registry.key(kid))
  t.match(await thrown(registry.remove(admin, other)), { statusCode: 409, message: /take it out there, or disable it/ })
  t.match(await thrown(registry.get(admin, tenant)), { statusCode: 404 }, 'it has one admin')
})

t.test('a tenant that the configuration gives to another admin is that one\'s, with all that it has', async t => {
  const data = new FakeData()
  const before = await open(t, { store: new FakeStore(data), configured: new Map([[tenant, admin]]) })
  await before.registry.setEntry(admin, tenant, { name: 'A', value: '1', secret: false })
  const { registry } = await open(t, { store: new FakeStore(data), configured: new Map([[tenant, second]]) })
  t.match(await thrown(registry.setEnabled(admin, tenant, false)), { statusCode: 404 })
  await registry.removeEntry(second, tenant, 'A')
  const { kid } = await registry.addKey(second, tenant, 'call')
  t.ok(registry.key(kid))
  await registry.removeKey(second, tenant, kid)
  t.equal((await registry.setEnabled(second, tenant, false)).enabled, false)
})

t.test('what is left of a tenant that the configuration named is no tenant, and can be removed', async t => {
  const data = new FakeData()
  const before = await open(t, { store: new FakeStore(data), configured: new Map([[tenant, admin]]) })
  const { kid } = await before.registry.addKey(admin, tenant, 'call')
  const { registry } = await open(t, { store: new FakeStore(data) })
  t.equal(registry.find(tenant), undefined)
  t.equal(registry.key(kid), undefined)
  t.strictSame(registry.list(admin, { limit: 10 }), { owners: [] })
  t.match(await thrown(registry.register(admin, { userid: 'ann', uuid: tenant })), { statusCode: 409, message: /remove that first/ })
  t.match(await thrown(registry.register(second, { userid: 'ann', uuid: tenant })), { statusCode: 409, message: /which is taken$/ })
  t.match(await thrown(registry.remove(second, tenant)), { statusCode: 404 })
  await registry.remove(admin, tenant)
  t.equal((await registry.register(admin, { userid: 'ann', uuid: tenant })).owner.uuid, tenant)
  t.equal(registry.key(kid), undefined)
})

t.test('while the store is out of reach nothing changes, and a 503 says when to come again', async t => {
  const { registry, store } = await open(t)
  const { keys: [key] } = await registry.register(admin, { userid: 'ann', uuid: tenant })
  for (const error of [outOfReach(), new Error('any other')]) {
    store.away = error
    const attempts = [
      registry.register(admin, { userid: 'bob' }), registry.setEnabled(admin, tenant, false), registry.remove(admin, tenant), registry.addKey(admin, tenant, 'call'),
      registry.removeKey(admin, tenant, key!.kid), registry.setLimits(admin, tenant, { plan: 'small' }), registry.get(admin, other),
      registry.setEntry(admin, tenant, { name: 'A', value: '1', secret: true })
    ].map(thrown)
    for (const attempt of attempts) t.match(await attempt, { code: 'FMS_ERR_UNAVAILABLE', statusCode: 503, headers: { 'retry-after': '1' } })
  }
  t.ok(registry.serves(tenant))
  t.ok(registry.key(key!.kid))
  t.equal((await registry.get(admin, tenant)).uuid, tenant, 'what is known can be read')
  store.away = undefined
  await registry.setEnabled(admin, tenant, false)
  t.notOk(registry.serves(tenant))
})

t.test('what was written counts, also if the store is gone before it is read', async t => {
  const { registry, store } = await open(t)
  store.hold = async method => { if (method === 'addOwner') store.away = outOfReach() }
  const { owner, keys } = await registry.register(admin, { userid: 'ann' })
  t.match(owner, { userid: 'ann', enabled: true, admin })
  store.hold = undefined
  store.away = undefined
  t.match(await registry.get(admin, owner.uuid), { userid: 'ann' })
  t.ok(registry.key(keys[0]!.kid))
})

t.test('no secret shows in what is printed of an owner, its keys, or the registry', async t => {
  const { registry, lines } = await open(t)
  const { owner, keys } = await registry.register(admin, { userid: 'ann', uuid: tenant })
  await registry.setEntry(admin, tenant, { name: 'HIDDEN', value: secret, secret: true })
  const now = registry.find(tenant)!
  const key = registry.key(keys[0]!.kid)!
  now.environment()
  const secrets = [secret, ...[...keys.map(({ secret }) => secret), keyOf('first of admin'), keyOf('new')].flatMap(text => {
    const bytes = Buffer.from(text, 'base64url')
    return [text, bytes.toString('hex'), bytes.toString('base64'), inspect(bytes).slice(8, 30), [...bytes].join(',').slice(0, 30), [...bytes].join(', ').slice(0, 30)]
  })]
  const depth = { depth: 20, showHidden: true }
  const shown = [owner, now, key, registry.key(`${admin}.first`), registry, { ...key }, { ...now }].flatMap(value => [inspect(value, depth), JSON.stringify(value)]).join('\n') +
    lines.map(({ text }) => text).join('\n')
  for (const text of secrets) t.notOk(shown.includes(text), 'not shown')
  t.match(shown, tenant)
})
