import t from 'tap'
import { moduleSource } from '../helper.ts'
import { admin, adminCredentials, buildOwners, type BuiltOwners, type Credentials, otherAdminCredentials, secrets, tenant } from './owners.ts'

const files = { 'own.ts': moduleSource({ own: "{ method: 'GET|POST' }, args => args" }) }
const tenantFiles = () => ({ [tenant]: { 'greeter.ts': moduleSource({ greet: "{ method: 'GET|POST' }, args => args" }) } })

type Keys = Record<'call' | 'manage', Credentials>

/** A tenant that is there, with its keys by kind. */
async function register ({ manage }: BuiltOwners): Promise<Keys> {
  const { keys } = (await manage('POST', 'register', { userid: 'ada', uuid: tenant })).json()
  return Object.fromEntries(keys.map(({ kid, kind, secret }: Record<string, string>) => [kind, { kid, secret }])) as Keys
}

t.test('by default a call needs no token, and one that comes must be good', async t => {
  const owners = await buildOwners(t, { files, tenantFiles: tenantFiles() })
  const keys = await register(owners)
  const { app, call, url } = owners
  for (const path of [`/${tenant}/greet`, `/${admin}/own`]) t.equal((await call(undefined, 'GET', path)).statusCode, 200)
  t.equal((await call(keys.call, 'GET', `/${tenant}/greet`)).statusCode, 200)
  for (const authorization of ['Bearer nonsense', 'Bearer', 'bearer  ', 'Bearer a.b.c.d.e']) {
    const { statusCode, headers, json } = await app.inject({ url: url(`/${tenant}/greet`), headers: { authorization } })
    t.strictSame([statusCode, headers['www-authenticate']], [401, 'Bearer'], authorization)
    t.strictSame(json(), { statusCode: 401, code: 'FMS_ERR_TOKEN', error: 'Unauthorized', message: 'a valid token is needed' })
  }
  t.equal((await app.inject({ url: url(`/${tenant}/greet`), headers: { authorization: 'Basic YTpi' } })).statusCode, 200, 'another scheme is the host\'s')
})

t.test('a token opens once, for one method and one URL', async t => {
  const owners = await buildOwners(t, { files, tenantFiles: tenantFiles() })
  const keys = await register(owners)
  const { app, token, url } = owners
  const send = async (authorization: string, method: 'GET' | 'POST' = 'GET', path = `/${tenant}/greet`) =>
    (await app.inject({ method, url: url(path), headers: { authorization: `Bearer ${authorization}` } })).statusCode
  const one = await token(keys.call, 'GET', `/${tenant}/greet`, '', false)
  t.equal(await send(one, 'POST'), 401, 'another method')
  t.equal(await send(one, 'GET', `/${tenant}/greeter/greet`), 401, 'another URL of the same endpoint')
  t.equal(await send(one), 200, 'what it was made for: no refusal has used it up')
  t.equal(await send(one), 401, 'again')
  const many = await token(keys.call, 'GET', `/${tenant}/greet`, '', false)
  const statuses = await Promise.all(Array.from({ length: 100 }, () => send(many)))
  t.strictSame(statuses.toSorted(), [200, ...Array.from({ length: 99 }, () => 401)], 'once among 100 at a time')
})

t.test('whose token opens what', async t => {
  const owners = await buildOwners(t, { files, tenantFiles: tenantFiles() })
  const keys = await register(owners)
  const cases: ReadonlyArray<[shows: string, by: Credentials, path: string, status: number]> = [
    ['a tenant\'s call key its endpoints', keys.call, `/${tenant}/greet`, 200],
    ['its manage key as well', keys.manage, `/${tenant}/greet`, 200],
    ['its admin\'s key too', adminCredentials, `/${tenant}/greet`, 200],
    ['no other admin\'s', otherAdminCredentials, `/${tenant}/greet`, 401],
    ['no tenant\'s key its admin\'s endpoints', keys.manage, `/${admin}/own`, 401],
    ['nor its management', keys.manage, `/${admin}/tenant-api/list`, 401],
    ['an admin\'s key its own', adminCredentials, `/${admin}/own`, 200],
    ['a name with another\'s key nothing', { kid: keys.call.kid, secret: secrets.admin }, `/${tenant}/greet`, 401],
    ['nor a name of nobody', { kid: `${tenant}.nobody`, secret: keys.call.secret }, `/${tenant}/greet`, 401]
  ]
  const { call: send } = owners
  for (const [shows, by, path, status] of cases) t.equal((await send(by, 'GET', path)).statusCode, status, shows)

  const { kid, secret } = (await owners.manage('POST', 'keys', { uuid: admin, kind: 'call' })).json()
  t.equal((await owners.call({ kid, secret }, 'GET', `/${admin}/own`)).statusCode, 200, 'a call key of the admin\'s calls')
  t.equal((await owners.call({ kid, secret }, 'GET', `/${admin}/tenant-api/list`)).statusCode, 401, 'and does not manage')
})

t.test('a revoked key, and keys of a disabled or removed tenant, open nothing', async t => {
  const owners = await buildOwners(t, { files, tenantFiles: tenantFiles(), TOKENS: 'required' })
  const keys = await register(owners)
  const status = async (by: Credentials) => (await owners.call(by, 'GET', `/${tenant}/greet`)).statusCode
  t.equal(await status(keys.call), 200)
  t.equal((await owners.manage('DELETE', 'keys', { uuid: tenant, kid: keys.call.kid })).statusCode, 204)
  t.strictSame([await status(keys.call), await status(keys.manage)], [401, 200])
  await owners.manage('POST', 'disable', { uuid: tenant })
  t.equal(await status(keys.manage), 404)
  await owners.manage('POST', 'enable', { uuid: tenant })
  await owners.manage('DELETE', 'remove', { uuid: tenant })
  await owners.manage('POST', 'register', { userid: 'ada', uuid: tenant })
  t.equal(await status(keys.manage), 401, 'not even after another has got the UUID')
})

t.test('required asks of every call, off of none but management', async t => {
  const required = await buildOwners(t, { files, tenantFiles: tenantFiles(), TOKENS: 'required' })
  await register(required)
  const { call } = required
  for (const path of [`/${tenant}/greet`, `/${admin}/own`, `/${admin}/__dir__`, `/${tenant}/greeter/__dir__`, `/${admin}/tenant-api/list`]) {
    t.strictSame([(await call(undefined, 'GET', path)).statusCode, (await call(adminCredentials, 'GET', path)).statusCode], [401, 200], path)
  }
  await t.test('off', async t => {
    const off = await buildOwners(t, { files, TOKENS: 'off' })
    const bearer = { headers: { authorization: 'Bearer of the host' } }
    t.equal((await off.app.inject({ url: off.url(`/${admin}/own`), ...bearer })).statusCode, 200)
    t.equal((await off.app.inject({ url: off.url(`/${admin}/tenant-api/list`), ...bearer })).statusCode, 401)
    t.equal((await off.manage('GET', 'list')).statusCode, 200)
  })
})

t.test('a token of management is for one payload and one query', async t => {
  const { app, token, url } = await buildOwners(t)
  const path = `/${admin}/tenant-api/register`
  const payload = '{"userid":"ada"}'
  const send = async (authorization: string, body: string, query = '') => (await app.inject({
    method: 'POST', url: url(path) + query, payload: body, headers: { authorization: `Bearer ${authorization}`, 'content-type': 'application/json' }
  })).statusCode
  const one = await token(adminCredentials, 'POST', path, payload)
  t.equal(await send(one, '{"userid":"eve"}'), 401, 'another payload')
  t.equal(await send(one, '{"userid": "ada"}'), 401, 'the same in other bytes')
  t.equal(await send(one, payload, '?userid=eve'), 401, 'another query')
  t.equal(await send(one, payload), 200)
  t.equal(await send(await token(adminCredentials, 'POST', path, payload, false), payload), 401, 'one that names neither')
})

t.test('in single-tenant mode, ADMIN_SECRET makes the one key', async t => {
  const { call } = await buildOwners(t, { files, MULTI_TENANT: false, TOKENS: 'required', TENANTS_DIR: undefined as never, ADMIN_ID: admin, ADMIN_SECRET: secrets.admin })
  t.strictSame([(await call(undefined, 'GET', '/own')).statusCode, (await call(adminCredentials, 'GET', '/own')).statusCode], [401, 200])
  t.equal((await call(adminCredentials, 'GET', '/__dir__')).statusCode, 200)
  await t.test('also where the owner has no UUID', async t => {
    const local = await buildOwners(t, { files, MULTI_TENANT: false, TOKENS: 'required', TENANTS_DIR: undefined as never, ADMIN_ID: undefined as never, ADMIN_SECRET: secrets.admin })
    t.equal((await local.call({ kid: 'local.first', secret: secrets.admin }, 'GET', '/own')).statusCode, 200)
  })
})

t.test('an app without keys leaves the header to its host', async t => {
  const { app, url } = await buildOwners(t, { files, MULTI_TENANT: false, TENANTS_DIR: undefined as never, ADMIN_ID: undefined as never, ADMIN_SECRET: undefined as never })
  t.equal((await app.inject({ url: url('/own'), headers: { authorization: 'Bearer of the host' } })).statusCode, 200)
})

t.test('the host\'s hooks see a request before its token is used up', async t => {
  const owners = await buildOwners(t, {
    files, TOKENS: 'required', before: app => { app.addHook('onRequest', async request => { if (request.headers['x-stop']) throw Object.assign(new Error('stopped'), { statusCode: 418 }) }) }
  })
  const authorization = `Bearer ${await owners.token(adminCredentials, 'GET', `/${admin}/own`)}`
  const send = async (headers = {}) => (await owners.app.inject({ url: owners.url(`/${admin}/own`), headers: { authorization, ...headers } })).statusCode
  t.strictSame([await send({ 'x-stop': '1' }), await send(), await send()], [418, 200, 401])
})
