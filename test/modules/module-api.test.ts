import { createHash } from 'node:crypto'
import t from 'tap'
import { moduleSource } from '../helper.ts'
import { admin, adminCredentials, type Credentials, otherAdminCredentials, tenant } from '../owners/owners.ts'
import { archive, openUploads, sealed } from './uploads.ts'

const saying = (text: string): string => moduleSource({ hello: `{}, () => '${text}'` })
const hello = `/${tenant}/hello/hello`
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
/** One for all tests, each of which begins without the module. */
const desk = await openUploads(t, { tenantFiles: { [tenant]: { 'replaced.ts': moduleSource({ greet: "{}, () => 'a file'", gone: '{}, () => 1' }) } } })
const { send, call, ask, versions, register, manageKey, callKey, audits } = desk
t.beforeEach(async () => { await ask('DELETE', 'remove/hello') })

/** As `sha256sum * | sha256sum` of a folder. */
const versionOf = (files: Record<string, string>): string => sha256(Object.entries(files).map(([path, text]) => `${sha256(text)}  ${path}\n`).join(''))

t.test('a source that a tenant uploads is live with the answer, which tells of it', async t => {
  const first = await send(saying('one'))
  t.strictSame([first.statusCode, first.json()], [200, {
    module: 'hello',
    version: versionOf({ 'index.ts': saying('one') }),
    active: true,
    unchanged: false,
    files: 1,
    bytes: saying('one').length,
    ignored: [],
    changes: [{ api: 'hello', breaking: false, text: 'is new' }]
  }])
  t.equal((await call(undefined, 'GET', hello)).body, '"one"')
  const second = await send(moduleSource({ hello: "{ method: 'GET|POST' }, () => 'two'" }))
  t.match(second.json(), { unchanged: false, changes: [{ api: 'hello', method: 'POST', breaking: false, text: 'is new' }] })
  t.equal((await call(undefined, 'GET', hello)).body, '"two"')
})

t.test('a folder comes as .tgz, by its first bytes; its version is that of its files, however they were packed', async t => {
  const files = { 'index.ts': "import { text } from './lib/text.ts'\n" + moduleSource({ hello: '{}, () => text' }), 'lib/text.ts': "export const text = 'packed'\n" }
  const packed = await archive({ ...Object.fromEntries(Object.entries(files).map(([path, text]) => [`package/${path}`, text])), 'package/.env': 'A=1' })
  const answer = await send(packed, { type: 'application/octet-stream' })
  t.match(answer.json(), { version: versionOf(files), files: 2, ignored: ['package/.env'], active: true })
  t.equal((await call(undefined, 'GET', hello)).body, '"packed"')
  t.match((await send(await archive(files), { type: 'application/gzip' })).json(), { version: versionOf(files), unchanged: true })
})

t.test('sealed it is the same version, by the tenant\'s key or its admin\'s', async t => {
  const type = 'application/jose'
  t.match((await send(saying('one'))).json(), { unchanged: false })
  for (const by of [manageKey, adminCredentials]) t.match((await send(await sealed(saying('one'), { by }), { type })).json(), { unchanged: true, active: true })
  t.match((await send(await sealed(await archive({ 'index.ts': saying('one') }), { cty: 'application/gzip' }), { type })).json(), { unchanged: true })
  const javascript = (await send(await sealed(saying('js'), { cty: 'text/javascript' }), { type })).json()
  t.match(javascript, { unchanged: false, version: versionOf({ 'index.js': saying('js') }) })
  t.match((await send(saying('js'), { type: 'Application/JavaScript; charset=utf-8' })).json(), { unchanged: true, version: javascript.version })
  t.equal((await call(undefined, 'GET', hello)).body, '"js"')
})

t.test('only keys for management of the tenant or of its admin open it', async t => {
  const stranger = (await register('stranger')).keys.find(({ kind }) => kind === 'manage') as Credentials
  t.equal((await send(saying('by admin'), { by: adminCredentials })).statusCode, 200)
  audits()
  for (const by of [undefined, callKey, stranger, otherAdminCredentials]) {
    t.equal((await send(saying('x'), { by })).statusCode, 401, by?.kid ?? 'nobody')
    for (const [method, action] of [['GET', 'versions'], ['POST', 'activate'], ['POST', 'rollback'], ['DELETE', 'remove/hello'], ['GET', 'logs']] as const) {
      const path = `/${tenant}/module-api/${action}`
      t.equal((await call(by, method, path, method === 'POST' ? { module: 'hello' } : undefined)).statusCode, 401, `${action} ${by?.kid}`)
    }
  }
  t.match(audits().find(({ audit }) => audit!['action'] === 'upload')?.audit, { owner: tenant, outcome: 'refused', status: 401 })
  t.match(await versions(), [{ by: adminCredentials.kid }], 'nothing came of it')
  t.equal((await call(undefined, 'GET', hello)).body, '"by admin"')
})

t.test('a trusted module is taken sealed by its admin\'s key, and no other way', async t => {
  const source = moduleSource({ hello: '{}, (args, { app }) => typeof app.inject' })
  const other = (await register('other')).keys.find(({ kind }) => kind === 'manage') as Credentials
  const mine = { owner: admin, by: adminCredentials, type: 'application/jose' }
  const refused = await send(source, { ...mine, type: 'text/typescript' })
  t.match([refused.statusCode, refused.json().message], [400, /sealed with an admin's key for management/])
  t.equal((await send(await archive({ 'index.ts': source }), { ...mine, type: 'application/gzip' })).statusCode, 400)
  for (const by of [manageKey, other, otherAdminCredentials]) t.equal((await send(await sealed(source, { by, owner: admin }), mine)).statusCode, 400, by.kid)
  audits()
  t.match((await send(await sealed(source, { owner: admin }), mine)).json(), { active: true, changes: [{ api: 'hello', text: 'is new' }] })
  t.match(audits().map(({ audit }) => audit), [{ action: 'upload', owner: admin, kid: adminCredentials.kid, module: 'hello', version: /^[\da-f]{64}$/, outcome: 'done' }])
  t.equal((await call(undefined, 'GET', `/${admin}/hello/hello`)).body, '"function"')
})

t.test('a version is called as a preview, activated, rolled back and removed', async t => {
  for (const text of ['one', 'two']) await send(saying(text))
  t.match((await send(saying('three'), { query: '?activate=false' })).json(), { active: false, unchanged: false })
  t.match((await send(saying('three'), { query: '?activate=false' })).json(), { active: false, unchanged: true })
  t.equal((await call(undefined, 'GET', hello)).body, '"two"')
  const [three, two, one] = (await versions()).map(({ version }) => version) as [string, string, string]
  const preview = `/${tenant}/hello@${three.slice(0, 12)}/hello`
  for (const by of [manageKey, adminCredentials]) t.equal((await call(by, 'GET', preview)).body, '"three"')
  for (const by of [undefined, callKey, otherAdminCredentials]) t.equal((await call(by, 'GET', preview)).statusCode, 401, by?.kid ?? 'nobody')
  t.equal((await call(manageKey, 'GET', `/${tenant}/hello@${'0'.repeat(12)}/hello`)).statusCode, 404)

  t.match((await ask('POST', 'activate', { module: 'hello', version: three.slice(0, 12) })).json(), { module: 'hello', version: three, changes: [] })
  t.equal((await call(undefined, 'GET', hello)).body, '"three"')
  audits()
  t.match((await ask('POST', 'rollback', { module: 'hello' })).json(), { version: two })
  t.match(audits().map(({ audit }) => audit), [{ action: 'rollback', owner: tenant, kid: manageKey.kid, module: 'hello', version: two, outcome: 'done' }])
  t.match((await ask('POST', 'rollback', { module: 'hello' })).json(), { version: one })
  t.equal((await call(undefined, 'GET', hello)).body, '"one"')
  t.match((await ask('POST', 'rollback', { module: 'hello' })).json(), { statusCode: 409, message: /found none before it/ })
  t.match((await send(saying('three'))).json(), { unchanged: true, active: true, version: three })
  t.equal((await call(undefined, 'GET', hello)).body, '"three"', 'what is uploaded again is live again')

  t.match((await ask('DELETE', `remove/hello?version=${three}`)).json(), { statusCode: 409, message: /not active/ })
  t.equal((await ask('DELETE', `remove/hello?version=${two.slice(0, 12)}`)).statusCode, 204)
  t.strictSame((await versions()).map(({ version }) => version), [three, one])
  t.equal((await ask('DELETE', 'remove/hello')).statusCode, 204)
  t.strictSame((await ask('GET', 'versions/hello')).json(), { modules: [] })
  t.equal((await call(undefined, 'GET', hello)).statusCode, 404)
})

t.test('an uploaded module takes the place of a directory\'s, which is there again when it is removed', async t => {
  t.equal((await call(undefined, 'GET', `/${tenant}/replaced/greet`)).body, '"a file"')
  t.match((await send(moduleSource({ greet: "{}, () => 'uploaded'" }), { module: 'replaced' })).json().changes, [{ api: 'gone', breaking: true, text: 'is gone' }])
  t.equal((await call(undefined, 'GET', `/${tenant}/replaced/greet`)).body, '"uploaded"')
  t.equal((await ask('DELETE', 'remove/replaced')).statusCode, 204)
  t.equal((await call(undefined, 'GET', `/${tenant}/replaced/greet`)).body, '"a file"')
})

t.test('ten versions are kept, and never the active one removed', async t => {
  const first = (await send(saying('first'))).json().version
  for (let i = 0; i < 11; i++) await send(saying(`later ${i}`), { query: '?activate=false' })
  const list = await versions()
  t.equal(list.length, 10)
  t.strictSame(list.filter(({ active }) => active).map(({ version }) => version), [first])
  await ask('POST', 'activate', { module: 'hello', version: list[0]!.version })
  await send(saying('the last'))
  const left = (await versions()).map(({ version }) => version)
  t.equal(left.length, 10)
  t.notOk(left.includes(first), 'the oldest goes once it is not active')
})
