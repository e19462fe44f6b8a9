import t from 'tap'
import { moduleSource } from '../helper.ts'
import { admin, tenant as folder } from '../owners/owners.ts'
import { openDesk, unknown } from './desk.ts'

const MB = 1024 * 1024
const configured = '5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e'
const hello = moduleSource({ hello: "{}, () => 'hello'" })
const desk = await openDesk(t, {
  tenantFiles: { [folder]: { 'a.ts': hello } },
  plans: { small: { turnMs: 100, memoryMb: 32 }, large: { turnMs: 900 } },
  tenants: { [configured]: {} },
  sandbox: { limits: { memoryMb: 128 } }
})
const { manage, call, register, app } = desk

t.test('register adds a tenant, and tells its keys', async t => {
  const answer = await manage('POST', 'register', { userid: 'ada' })
  t.equal(answer.statusCode, 200)
  const { uuid, keys } = answer.json()
  t.match(answer.json(), { userid: 'ada', uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/ })
  t.strictSame(keys.map(({ kind }: { kind: string }) => kind).sort(), ['call', 'manage'])
  for (const key of keys) {
    t.match(key, { kid: RegExp(`^${uuid}\\.[A-Za-z0-9_-]{12}$`), secret: /^[A-Za-z0-9_-]{43}$/ })
    t.strictSame(Object.keys(key).sort(), ['kid', 'kind', 'secret'])
  }
  t.match((await manage('GET', `show?uuid=${uuid}`)).json(), { uuid, userid: 'ada', enabled: true, registered: true, configured: false, plan: null, ownLimits: {} })
})

t.test('register takes a UUID of the caller\'s choice, in any case, and its folder is served at once', async t => {
  t.equal((await call(undefined, 'GET', `/${folder}/hello`)).statusCode, 404, 'no tenant yet')
  const answer = await manage('POST', 'register', { userid: 'with a folder', uuid: folder.toUpperCase() })
  t.match(answer.json(), { uuid: folder })
  await app.microservices.refresh()
  t.equal((await call(undefined, 'GET', `/${folder}/hello`)).json(), 'hello')
  for (const by of answer.json().keys) t.equal((await call(by, 'GET', `/${folder}/hello`)).json(), 'hello', `with its ${by.kind} key`)
})

t.test('disable closes a tenant\'s URLs, and enable opens them again', async t => {
  t.match((await manage('POST', 'disable', { uuid: folder })).json(), { uuid: folder, enabled: false })
  const disabled = await call(undefined, 'GET', `/${folder}/hello`)
  t.strictSame([disabled.statusCode, disabled.body], (({ statusCode, body }) => [statusCode, body])(await call(undefined, 'GET', `/${unknown}/hello`)))
  t.match((await manage('POST', 'disable', { uuid: folder })).json(), { enabled: false }, 'twice is once')
  t.match((await manage('POST', 'enable', { uuid: folder })).json(), { uuid: folder, enabled: true })
  t.equal((await call(undefined, 'GET', `/${folder}/hello`)).json(), 'hello')
})

t.test('remove takes a UUID in path, query or payload, and frees userid and UUID', async t => {
  for (const [name, path] of [['path', 'remove/<uuid>'], ['query', 'remove?uuid=<uuid>'], ['payload', 'remove']] as const) {
    const { uuid, keys } = await register(`removed by ${name}`)
    const answer = await manage('DELETE', path.replace('<uuid>', uuid), name === 'payload' ? { uuid } : undefined)
    t.strictSame([answer.statusCode, answer.body], [204, ''], name)
    t.equal((await manage('GET', `show/${uuid}`)).statusCode, 404)
    t.equal((await manage('DELETE', `remove/${uuid}`)).statusCode, 404, 'gone already')
    t.equal((await call(keys[0], 'GET', `/${uuid}/hello`)).statusCode, 404, 'its keys open nothing')
    const again = await manage('POST', 'register', { userid: `removed by ${name}`, uuid })
    t.match(again.json(), { uuid })
    t.strictSame((await manage('GET', `environ/${uuid}`)).json(), { entries: [] }, 'with nothing of the old one')
  }
})

t.test('a tenant of the configuration can be shown, disabled and limited; not removed, and not registered', async t => {
  t.match((await manage('GET', `show/${configured}`)).json(), { userid: null, createdAt: null, enabled: true, registered: false, configured: true })
  t.match((await manage('POST', 'disable', { uuid: configured })).json(), { enabled: false, registered: false, configured: true })
  t.match((await manage('PUT', 'limits', { uuid: configured, plan: 'small' })).json(), { enabled: false, plan: 'small', limits: { turnMs: 100 }, userid: null })
  const removal = await manage('DELETE', `remove/${configured}`)
  t.match([removal.statusCode, removal.json().message], [409, /configur/])
  const registration = await manage('POST', 'register', { userid: 'configured', uuid: configured })
  t.match([registration.statusCode, registration.json().message], [409, /./])
})

t.test('limits replaces all of a tenant\'s own limits', async t => {
  const { uuid } = await register('limited')
  const set = async (to: object) => (await manage('PUT', 'limits', { uuid, ...to })).json()
  t.match(await set({ turnMs: 50, waiting: 0, timeoutSecs: 1.5 }), { ownLimits: { turnMs: 50, waiting: 0, timeoutSecs: 1.5 }, limits: { turnMs: 50, waiting: 0, timeoutSecs: 1.5, memoryMb: 128 }, plan: null })
  const second = await set({ concurrency: 2 })
  t.strictSame([second.ownLimits, second.limits.turnMs], [{ concurrency: 2 }, 1000])
  t.match(await set({ plan: 'small' }), { plan: 'small', limits: { turnMs: 100, memoryMb: 32, concurrency: 16 }, ownLimits: {} })
  const none = await set({})
  t.strictSame([none.plan, none.ownLimits, none.limits.turnMs, none.limits.memoryMb], [null, {}, 1000, 128])
  t.strictSame(Object.keys(none.limits).sort(), ['concurrency', 'logBytes', 'memoryMb', 'moduleBytes', 'requestBytes', 'responseBytes', 'timeoutSecs', 'turnMs', 'waiting'])
  t.match((await manage('PUT', `limits/${uuid}?requestBytes=${MB}`)).json(), { ownLimits: { requestBytes: MB } }, 'from path and query as well')
})

t.test('limits that cannot be are refused, and say what can', async t => {
  const { uuid } = await register('beyond')
  const refused = async (to: object, message: RegExp) => {
    const answer = await manage('PUT', 'limits', { uuid, ...to })
    t.match([answer.statusCode, answer.json().message], [400, message], JSON.stringify(to))
  }
  await refused({ memoryMb: 129 }, /memoryMb.*128/)
  await refused({ turnMs: 1001 }, /turnMs.*1000/)
  await refused({ timeoutSecs: 31 }, /timeoutSecs.*30/)
  await refused({ turnMs: 9 }, /turnMs.*10/)
  await refused({ turnMs: -1 }, /turnMs/)
  await refused({ turnMs: 1e300 }, /turnMs/)
  await refused({ turnMs: 10.5 }, /turnMs.*integer/)
  await refused({ timeoutSecs: 0 }, /timeoutSecs.*0/)
  await refused({ plan: 'huge' }, /huge.*small.*large|small.*large.*huge/)
  await refused({ plan: 'constructor' }, /small.*large/)
  await refused({ plan: '' }, /small.*large/)
  await refused({ plan: 'small', turnMs: 20 }, /either.*turnMs/)
  await refused({ turnMS: 20 }, /turnMs.*found "turnMS"/)
  await refused({ turnMs: '20' }, /turnMs: expected a number; found a value of type string/)
  await refused({ waiting: null }, /waiting: expected a number; found null/)
  await refused({ waiting: false }, /waiting: expected a number/)
  await refused({ turnMs: [20] }, /turnMs/)
  t.strictSame((await manage('GET', `show/${uuid}`)).json().ownLimits, {}, 'nothing was changed')
})

t.test('list gives pages in the order of the UUIDs', async t => {
  const all: string[] = []
  for (let i = 0; i < 5; i++) await register(`listed ${i}`)
  let after: string | undefined
  let pages = 0
  do {
    const answer = (await manage('GET', `list?limit=3${after ? `&after=${after}` : ''}`)).json()
    t.ok(answer.tenants.length <= 3)
    all.push(...answer.tenants.map(({ uuid }: { uuid: string }) => uuid))
    after = answer.next
    pages++
  } while (after !== undefined && pages < 100)
  const { tenants, next } = (await manage('GET', 'list?limit=1000')).json()
  t.equal(next, undefined)
  t.strictSame(all, tenants.map(({ uuid }: { uuid: string }) => uuid), 'the pages are the whole, each once')
  t.strictSame(all, [...all].sort())
  t.notOk(all.includes(admin), 'admins are no tenants')
  t.strictSame(tenants.find(({ userid }: { userid: string }) => userid === 'ada'), (await manage('GET', `show/${tenants.find(({ userid }: { userid: string }) => userid === 'ada').uuid}`)).json())
  t.strictSame((await manage('GET', `list?limit=1&after=${all.at(-1)}`)).json(), { tenants: [] })
  t.match((await manage('GET', `list?limit=1&after=${unknown.toUpperCase()}`)).statusCode, 200, 'a place, whoever has it')
  t.equal((await manage('HEAD', 'list')).statusCode, 200)
})
