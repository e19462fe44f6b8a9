import t, { type Test } from 'tap'
import { produce } from '../../lib/tokens/produce.ts'
import { build, type BuildOptions, moduleSource, temporaryDirectory } from '../helper.ts'
import { admin, adminCredentials, type Credentials, secrets, tenant } from '../owners/owners.ts'
import { archive, openUploads, sealed } from './uploads.ts'

const saying = (text: string): string => moduleSource({ hello: `{}, (args, { owner }) => '${text} of ' + owner` })
const type = 'application/jose'

/** An app without tenants; `by` is the key of its admin. */
async function openSingle (t: Test, by: Credentials, options: BuildOptions = {}) {
  const { app, url } = await build(t, { ADMIN_SECRET: by.secret, PUBLIC_URL: 'https://api.example.com', ...options })
  const ask = async (method: 'GET' | 'POST', path: string, body = '', contentType = 'application/json') => {
    const token = await produce({ kid: by.kid, key: by.secret, method, url: `https://api.example.com${url(path)}`, body, manage: true })
    return await app.inject({ method, url: url(path), headers: { authorization: `Bearer ${token}`, ...body !== '' && { 'content-type': contentType } }, ...body !== '' && { payload: body } })
  }
  return { app, url, ask, hello: async (module = 'hello') => (await app.inject(url(`/${module}/hello`))).body }
}

for (const [name, by, options] of [
  ['without an id', { kid: 'local.first', secret: secrets.admin }, {}],
  ['with an id', adminCredentials, { ADMIN_ID: admin }]
] as Array<[string, Credentials, BuildOptions]>) {
  t.test(`without tenants, an admin ${name} uploads sealed modules`, async t => {
    const owner = by.kid.split('.')[0]!
    const { ask, hello, app, url } = await openSingle(t, by, options)
    t.equal((await app.inject(url('/hello/hello'))).statusCode, 404)
    t.match((await ask('POST', '/module-api/upload/hello', saying('one'), 'text/typescript')).json(), { statusCode: 400, message: /sealed with an admin's key/ })
    const one = (await ask('POST', '/module-api/upload/hello', await sealed(saying('one'), { by, owner: by.kid.split('.')[0] as string }), type)).json()
    t.match(one, { active: true, changes: [{ text: 'is new' }] })
    t.equal(await hello(), `"one of ${owner}"`)
    const packed = await archive({ 'index.ts': saying('two') })
    const two = (await ask('POST', '/module-api/upload/hello', await sealed(packed, { by, owner, cty: 'application/gzip' }), type)).json()
    t.equal(await hello(), `"two of ${owner}"`)
    t.match((await ask('GET', '/module-api/versions')).json().modules, [{ module: 'hello', active: two.version, versions: [{ version: two.version, by: by.kid }, { version: one.version }] }])
    t.equal((await app.inject(url(`/hello@${one.version.slice(0, 12)}/hello`))).statusCode, 401, 'a preview needs a token')
    t.equal((await ask('GET', `/hello@${one.version.slice(0, 12)}/hello`)).body, `"one of ${owner}"`)
    t.match((await ask('POST', '/module-api/rollback', '{"module":"hello"}')).json(), { version: one.version })
    t.equal(await hello(), `"one of ${owner}"`)
  })
}

t.test('what was uploaded is there after a restart', async t => {
  const by = { kid: 'local.first', secret: secrets.admin }
  const DATA_DIR = temporaryDirectory(t)
  const before = await openSingle(t, by, { DATA_DIR })
  t.equal((await before.ask('POST', '/module-api/upload/hello', await sealed(saying('one'), { by, owner: by.kid.split('.')[0] as string }), type)).statusCode, 200)
  await before.app.close()
  const after = await openSingle(t, by, { DATA_DIR })
  t.equal(await after.hello(), '"one of local"')
})

t.test('without a key nobody has management', async t => {
  const { app, url } = await build(t)
  for (const action of ['versions', 'logs']) t.equal((await app.inject(url(`/module-api/${action}`))).statusCode, 404)
})

t.test('UPLOADS=sealed takes a tenant\'s modules sealed only', async t => {
  const { send, manageKey, call, versions } = await openUploads(t, { UPLOADS: 'sealed' })
  for (const [body, contentType] of [[saying('one'), 'text/typescript'], [await archive({ 'index.ts': saying('one') }), 'application/gzip']] as const) {
    t.match((await send(body, { type: contentType })).json(), { statusCode: 400, message: /since UPLOADS is "sealed"; found one that is not$/ })
  }
  t.strictSame(await versions(), [])
  for (const by of [manageKey, adminCredentials]) t.equal((await send(await sealed(saying(by.kid), { by }), { type })).statusCode, 200)
  t.equal((await call(undefined, 'GET', `/${tenant}/hello/hello`)).body, `"${adminCredentials.kid} of ${tenant}"`)
})

t.test('a version uploaded while UPLOADS was on is served, rolled back and removed while it is off', async t => {
  const DATA_DIR = temporaryDirectory(t)
  const by = { kid: 'local.first', secret: secrets.admin }
  const on = await openSingle(t, by, { DATA_DIR })
  for (const text of ['one', 'two']) await on.ask('POST', '/module-api/upload/hello', await sealed(saying(text), { by, owner: by.kid.split('.')[0] as string }), type)
  await on.app.close()
  const off = await openSingle(t, by, { DATA_DIR, UPLOADS: 'off' })
  t.equal(await off.hello(), '"two of local"')
  t.equal((await off.ask('POST', '/module-api/upload/hello', await sealed(saying('three'), { by, owner: by.kid.split('.')[0] as string }), type)).statusCode, 404)
  t.equal((await off.ask('POST', '/module-api/rollback', '{"module":"hello"}')).statusCode, 200)
  t.equal(await off.hello(), '"one of local"')
})
