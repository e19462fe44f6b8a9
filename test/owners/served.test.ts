import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { moduleSource } from '../helper.ts'
import { admin, adminCredentials, buildOwners, otherAdmin, otherAdminCredentials, tenant } from './owners.ts'

const stranger = '6a1f0c3e-2b4d-4e5f-8a9b-0c1d2e3f4a5b'
/** A new object each: a fixture may not hold one twice. */
const greeter = () => ({ 'greeter.ts': moduleSource({ greet: "{ params: ['name'] }, ({ name }, { owner }) => [name, owner]" }) })

t.test('a folder and a tenant are served as soon as both exist, whichever is first', async t => {
  const { app, call, manage, tenantsDirectory } = await buildOwners(t, { tenantFiles: { [tenant]: greeter() } })
  t.equal((await call(undefined, 'GET', `/${tenant}/greet/Ada`)).statusCode, 404, 'a folder alone makes no tenant')
  t.match(app.microservices.directory().problems, [{ code: 'FMS_ERR_OWNER', file: join(tenantsDirectory, tenant), message: /register it/ }], 'and is reported')

  t.equal((await manage('POST', 'register', { userid: 'ada', uuid: tenant })).statusCode, 200)
  const answer = await call(undefined, 'GET', `/${tenant}/greet/Ada`)
  t.equal(answer.statusCode, 200, answer.body)
  t.strictSame(answer.json(), ['Ada', tenant])
  t.strictSame(app.microservices.directory().problems, [])

  t.equal((await manage('POST', 'register', { userid: 'bob', uuid: stranger })).statusCode, 200)
  t.equal((await call(undefined, 'GET', `/${stranger}/greet/Bob`)).statusCode, 404, 'a tenant without a folder has no endpoints')
  mkdirSync(join(tenantsDirectory, stranger))
  writeFileSync(join(tenantsDirectory, stranger, 'greeter.ts'), greeter()['greeter.ts'])
  await app.microservices.refresh()
  t.strictSame((await call(undefined, 'GET', `/${stranger}/greet/Bob`)).json(), ['Bob', stranger])
})

t.test('malformed, unknown, disabled and removed UUIDs get the same 404', async t => {
  const { call, manage } = await buildOwners(t, { tenantFiles: { [tenant]: greeter(), [stranger]: greeter() } })
  for (const [userid, uuid] of [['ada', tenant], ['bob', stranger]]) await manage('POST', 'register', { userid, uuid })
  for (const uuid of [tenant, stranger]) t.equal((await call(undefined, 'GET', `/${uuid}/greet/x`)).statusCode, 200)
  t.equal((await manage('POST', 'disable', { uuid: tenant })).statusCode, 200)
  t.equal((await manage('DELETE', 'remove', { uuid: stranger })).statusCode, 204)

  const uuids = [tenant, stranger, 'a0000000-0000-4000-8000-000000000000', 'no-uuid', tenant.toUpperCase(), `${tenant}0`, '__proto__', 'constructor', '%00', 'x'.repeat(500)]
  for (const path of ['greet/x', 'greeter/greet/x', '__dir__', 'greeter/__dir__', '__directory__', 'tenant-api/list']) {
    const answers = await Promise.all(uuids.map(uuid => call(undefined, 'GET', `/${uuid}/${path}`)))
    for (const [i, { statusCode, body, headers }] of answers.entries()) {
      t.strictSame([statusCode, body, headers['www-authenticate']], [404, answers[0]?.body, undefined], `${uuids[i]?.slice(0, 40)} ${path}`)
    }
  }

  t.equal((await manage('POST', 'enable', { uuid: tenant })).statusCode, 200)
  t.equal((await call(undefined, 'GET', `/${tenant}/greet/x`)).statusCode, 200, 'an enabled one is back')
})

t.test('a call that is under way when its tenant is disabled is finished', async t => {
  const { app, call, manage } = await buildOwners(t, {
    tenantFiles: { [tenant]: { 'slow.ts': moduleSource({ slow: "{}, () => { console.log('begun'); return new Promise(resolve => setTimeout(resolve, 1000, 'done')) }" }) } }
  })
  await manage('POST', 'register', { userid: 'ada', uuid: tenant })
  const answer = call(undefined, 'GET', `/${tenant}/slow`)
  while (!app.microservices.logs(tenant).some(({ message }) => message === 'begun')) await new Promise(setImmediate)
  t.equal((await manage('POST', 'disable', { uuid: tenant })).statusCode, 200)
  t.equal((await call(undefined, 'GET', `/${tenant}/slow`)).statusCode, 404, 'no new one begins')
  t.strictSame((await answer).json(), 'done')
})

t.test('what the configuration names exists without being registered, and the registry may limit or disable it', async t => {
  const { call, manage } = await buildOwners(t, { tenantFiles: { [tenant]: greeter() }, tenants: { [tenant]: {} } })
  t.equal((await call(undefined, 'GET', `/${tenant}/greet/x`)).statusCode, 200)
  t.match((await manage('GET', `show/${tenant}`)).json(), { userid: null, enabled: true, registered: false, configured: true })
  t.equal((await manage('PUT', 'limits', { uuid: tenant, turnMs: 50 })).json().limits.turnMs, 50)
  t.equal((await manage('POST', 'disable', { uuid: tenant })).statusCode, 200)
  t.equal((await call(undefined, 'GET', `/${tenant}/greet/x`)).statusCode, 404)
  t.equal((await manage('POST', 'register', { userid: 'ada', uuid: tenant })).statusCode, 409)
  t.equal((await manage('DELETE', 'remove', { uuid: tenant })).statusCode, 409, 'only the configuration can remove it')
})

t.test('a tenant of the configuration is the first admin\'s, or that of its `admin`', async t => {
  const { manage } = await buildOwners(t, { tenants: { [tenant]: {}, [stranger]: { admin: otherAdmin } } })
  const seen = async (by = adminCredentials) => (await manage('GET', 'list', undefined, by)).json().tenants.map(({ uuid }: { uuid: string }) => uuid)
  t.strictSame(await seen(), [tenant])
  t.strictSame(await seen(otherAdminCredentials), [stranger])
})

t.test('`__ID__` in an admin\'s directory names that admin\'s tenants only, as they come and go', async t => {
  const { app, call, manage } = await buildOwners(t, { files: { 'given.ts': moduleSource({ given: '{}, (args, { owner }) => owner' }, `export const __ID__ = '${tenant}'`) } })
  const status = async () => (await call(undefined, 'GET', `/${tenant}/given`)).statusCode
  t.equal(await status(), 404)
  await manage('POST', 'register', { userid: 'ada', uuid: tenant }, otherAdminCredentials)
  t.equal(await status(), 404, 'the directory is the first admin\'s, and the tenant another\'s')
  t.match(app.microservices.directory().problems, [{ code: 'FMS_ERR_OWNER' }])
  await manage('DELETE', 'remove', { uuid: tenant }, otherAdminCredentials)
  await manage('POST', 'register', { userid: 'ada', uuid: tenant })
  t.equal(await status(), 200)
})

t.test('each admin sees its own directory, and no other\'s', async t => {
  const { call, manage } = await buildOwners(t, {
    files: { 'mine.ts': moduleSource({ mine: '{}, () => 1' }), 'broken.ts': 'export const' },
    tenantFiles: { [tenant]: greeter(), [stranger]: greeter() }
  })
  await manage('POST', 'register', { userid: 'ada', uuid: tenant })
  await manage('POST', 'register', { userid: 'bob', uuid: stranger }, otherAdminCredentials)
  for (const uuid of [tenant, stranger]) t.equal((await call(undefined, 'GET', `/${uuid}/greet/x`)).statusCode, 200)
  const own = (await call(adminCredentials, 'GET', `/${admin}/__directory__`)).json()
  t.strictSame(own.modules.map(({ owner, name }: Record<string, string>) => [owner, name]), [[admin, 'mine'], [admin, 'tenant-api'], [admin, 'module-api'], [tenant, 'greeter']])
  t.match(own.problems, [{ code: 'FMS_ERR_MODULE' }])
  const theirs = (await call(otherAdminCredentials, 'GET', `/${otherAdmin}/__directory__`)).json()
  t.strictSame(theirs.modules.map(({ owner, name }: Record<string, string>) => [owner, name]), [[otherAdmin, 'tenant-api'], [otherAdmin, 'module-api'], [stranger, 'greeter']])
  t.strictSame([theirs.directories, theirs.problems], [[], []])
  for (const [by, uuid] of [[undefined, admin], [otherAdminCredentials, admin], [adminCredentials, otherAdmin]] as const) {
    t.equal((await call(by, 'GET', `/${uuid}/__directory__`)).statusCode, 401)
  }
  t.equal((await call(adminCredentials, 'GET', `/${tenant}/__directory__`)).statusCode, 404, 'tenants have none')
})

/** Sends the head of a request, and its body once `meanwhile` is done. */
async function slowly (app: FastifyInstance, path: string, meanwhile: () => Promise<unknown>): Promise<{ status: number | undefined, text: string }> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const matched = Promise.withResolvers<void>()
  const client = request({ port, path, method: 'POST', headers: { 'content-type': 'application/json', 'content-length': 2 } })
  app.server.once('request', () => setImmediate(matched.resolve))
  client.write('{')
  await matched.promise
  await meanwhile()
  client.end('}')
  const [response] = await once(client, 'response') as [IncomingMessage]
  return { status: response.statusCode, text: Buffer.concat(await response.toArray()).toString() }
}

const post = () => ({ 'spy.ts': moduleSource({ spy: "{ method: 'POST' }, (args, { env }) => env" }) })

t.test('a call whose body comes after its tenant was disabled is not made', async t => {
  const { app, call, manage, url } = await buildOwners(t, { tenantFiles: { [tenant]: post() } })
  await manage('POST', 'register', { userid: 'ada', uuid: tenant })
  t.equal((await call(undefined, 'POST', `/${tenant}/spy`, {})).statusCode, 200)
  const { status, text } = await slowly(app, url(`/${tenant}/spy`), () => manage('POST', 'disable', { uuid: tenant }))
  t.equal(status, 404, text)
})

t.test('a call whose body comes after its UUID has become another\'s finds none of the other\'s secrets', async t => {
  const { app, call, manage, url } = await buildOwners(t, { tenantFiles: { [tenant]: post() } })
  await manage('POST', 'register', { userid: 'ada', uuid: tenant })
  t.equal((await call(undefined, 'POST', `/${tenant}/spy`, {})).statusCode, 200)
  const { status, text } = await slowly(app, url(`/${tenant}/spy`), async () => {
    await manage('DELETE', 'remove', { uuid: tenant })
    await manage('POST', 'register', { userid: 'bob', uuid: tenant }, otherAdminCredentials)
    await manage('PUT', 'environ', { uuid: tenant, name: 'PASS', value: 'of the other', secret: true }, otherAdminCredentials)
  })
  t.equal(status, 404, text)
  t.notMatch(text, 'of the other')
  t.strictSame((await call(undefined, 'POST', `/${tenant}/spy`, {})).json(), { PASS: 'of the other' }, 'who calls now finds them')
})
