import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { moduleSource } from '../helper.ts'
import { admin, adminCredentials, tenant } from '../owners/owners.ts'
import { openDesk } from './desk.ts'

const slow = moduleSource({
  hello: "{}, () => 'hello'",
  slow: '{}, async (args, { log }) => { log.info(\'begun\'); await new Promise(resolve => setTimeout(resolve, 300)); return \'done\' }'
})
const { manage, call, register, app, url, token } = await openDesk(t, { tenantFiles: { [tenant]: { 'a.ts': slow } } })

/** How often each status came. */
async function statuses (answers: Iterable<Promise<{ statusCode: number }>>): Promise<Record<number, number>> {
  const counts: Record<number, number> = {}
  for (const { statusCode } of await Promise.all(answers)) counts[statusCode] = (counts[statusCode] ?? 0) + 1
  return counts
}

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))

t.test('of 50 registrations of one userid at once, one wins', async t => {
  t.strictSame(await statuses(times(50, () => manage('POST', 'register', { userid: 'raced for' }))), { 200: 1, 409: 49 })
  t.equal((await manage('GET', 'list')).json().tenants.length, 1)
})

t.test('of 50 registrations of one UUID at once, one wins, and its keys are good', async t => {
  const answers = await Promise.all(times(50, i => manage('POST', 'register', { userid: `racer ${i}`, uuid: tenant })))
  const [winner, ...others] = answers.filter(({ statusCode }) => statusCode === 200)
  t.strictSame(others, [])
  const { userid, keys } = winner!.json()
  await app.microservices.refresh()
  t.equal((await manage('GET', `show/${tenant}`)).json().userid, userid)
  t.strictSame((await manage('GET', `keys/${tenant}`)).json().keys.map(({ kid }: { kid: string }) => kid).sort(), keys.map(({ kid }: { kid: string }) => kid).sort())
  for (const key of keys) t.equal((await call(key, 'GET', `/${tenant}/hello`)).json(), 'hello')
})

t.test('of 40 keys at once, as many are made as there may be', async t => {
  const { uuid } = await register('racing keys')
  t.strictSame(await statuses(times(40, () => manage('POST', 'keys', { uuid }))), { 200: 18, 409: 22 })
  t.equal((await manage('GET', `keys/${uuid}`)).json().keys.length, 20)
})

t.test('of 20 removals at once, one is it', async t => {
  const { uuid } = await register('removed at once')
  t.strictSame(await statuses(times(20, () => manage('DELETE', `remove/${uuid}`))), { 204: 1, 404: 19 })
})

t.test('changes at once of one tenant are all there', async t => {
  const { uuid } = await register('changed at once')
  await Promise.all([
    ...times(20, i => manage('PUT', 'environ', { uuid, name: `E${i}`, value: String(i) })),
    manage('PUT', 'limits', { uuid, turnMs: 50 }), manage('POST', 'disable', { uuid }), manage('POST', 'keys', { uuid })
  ])
  t.match((await manage('GET', `show/${uuid}`)).json(), { enabled: false, ownLimits: { turnMs: 50 } })
  t.equal((await manage('GET', `environ/${uuid}`)).json().entries.length, 20)
  t.equal((await manage('GET', `keys/${uuid}`)).json().keys.length, 3)
})

t.test('a tenant that is removed and registered again and again is one or none', async t => {
  const answers = await Promise.all(times(60, i => i % 2 === 0
    ? manage('POST', 'register', { userid: 'comes and goes', uuid: '5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e' })
    : manage('DELETE', 'remove/5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e')))
  t.ok(answers.every(({ statusCode }) => [200, 204, 404, 409].includes(statusCode)))
  const count = (status: number) => answers.filter(({ statusCode }) => statusCode === status).length
  const { statusCode } = await manage('GET', 'show/5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e')
  t.equal(count(200) - count(204), statusCode === 200 ? 1 : 0)
})

t.test('calls under way finish while their tenant is disabled, removed, and registered again', async t => {
  const hello = () => call(undefined, 'GET', `/${tenant}/hello`)
  await hello()
  for (const [method, action, back, args] of [['POST', 'disable', 'enable', { uuid: tenant }], ['DELETE', 'remove', 'register', { uuid: tenant, userid: 'again' }]] as const) {
    const running = times(5, () => call(undefined, 'GET', `/${tenant}/slow`))
    const begun = () => app.microservices.logs(tenant).filter(({ message }) => message === 'begun').length
    for (const from = begun(), end = Date.now() + 10_000; begun() < from + 5 && Date.now() < end;) await setImmediate()
    t.ok((await manage(method, action, { uuid: tenant })).statusCode < 300)
    t.equal((await hello()).statusCode, 404)
    t.equal((await manage('POST', back, args)).statusCode, 200)
    await app.microservices.refresh()
    t.equal((await hello()).json(), 'hello', 'served again')
    for (const answer of await Promise.all(running)) t.equal(answer.json(), 'done', action)
  }
})

t.test('payloads that would reach a prototype reach nothing', async t => {
  for (const text of ['{"__proto__":{"uuid":"x"}}', '{"constructor":{"prototype":{"uuid":"x"}}}', `{"uuid":"${tenant}","__proto__":{"enabled":false}}`, '{"uuid":{"__proto__":null}}']) {
    const path = `/${admin}/tenant-api/enable`
    const headers = { authorization: `Bearer ${await token(adminCredentials, 'POST', path, text)}`, 'content-type': 'application/json' }
    t.equal((await app.inject({ method: 'POST', url: url(path), headers, payload: text })).statusCode, 400, text)
  }
  t.equal(({} as { uuid?: string }).uuid, undefined)
  for (const query of ['?__proto__=x', '?constructor=x']) t.equal((await manage('GET', `list${query}`)).statusCode, 200, 'not an argument at all')
})

t.test('__map__ renames slugs as anywhere, and lets nothing pass', async t => {
  const swapped = await manage('DELETE', `keys/x/${tenant}`, { __map__: { uuid: 'kid', kid: 'uuid' } })
  t.equal(swapped.statusCode, 404, 'no key "x" of that tenant')
  t.equal((await manage('POST', `enable/${tenant}`, { __map__: { uuid: 'userid' } })).statusCode, 400)
})

t.test('deep and huge payloads are refused', async t => {
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
  for (const [text, status] of [[`{"uuid":"${tenant}","x":${deep}}`, 400], [`{"uuid":"${'x'.repeat(2 * 1024 * 1024)}"}`, 413]] as const) {
    const path = `/${admin}/tenant-api/enable`
    const headers = { authorization: `Bearer ${await token(adminCredentials, 'POST', path, text)}`, 'content-type': 'application/json' }
    t.equal((await app.inject({ method: 'POST', url: url(path), headers, payload: text })).statusCode, status)
  }
})
