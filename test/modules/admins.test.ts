import t from 'tap'
import { moduleSource } from '../helper.ts'
import { admin, adminCredentials, otherAdmin, otherAdminCredentials, tenant } from '../owners/owners.ts'
import { openDesk, told, unknown } from './desk.ts'

const { manage, call, audits, app } = await openDesk(t, { tenantFiles: { [tenant]: { 'a.ts': moduleSource({ tell: '{}, (args, { env }) => env' }) } } })
const registered = (await manage('POST', 'register', { userid: 'the first admin\'s', uuid: tenant })).json()
// Made now, however long this machine takes.
await app.microservices.refresh()
await manage('PUT', 'environ', { uuid: tenant, name: 'A', value: 'mine' })
const before = (await manage('GET', `show/${tenant}`)).json()
const [key] = registered.keys

type Action = readonly ['GET' | 'POST' | 'PUT' | 'DELETE', string, Record<string, unknown>?]

/** Every endpoint that takes the UUID of a tenant, each in every way that it takes it. */
const actions: Action[] = [
  ['GET', 'show/<uuid>'], ['GET', 'show?uuid=<uuid>'], ['POST', 'enable', {}], ['POST', 'enable/<uuid>'], ['POST', 'disable', {}], ['DELETE', 'remove/<uuid>'],
  ['DELETE', 'remove?uuid=<uuid>'], ['DELETE', 'remove', {}], ['GET', 'keys/<uuid>'], ['POST', 'keys', {}], ['POST', 'keys', { kind: 'manage' }],
  ['DELETE', `keys/<uuid>/${key.kid}`], ['DELETE', 'keys', { kid: key.kid }], ['DELETE', 'keys', { kid: `${tenant}.AAAAAAAAAAAA` }],
  ['PUT', 'limits', {}], ['PUT', 'limits', { turnMs: 50 }], ['PUT', 'limits', { turnMs: 1e4 }], ['PUT', 'limits', { plan: 'x' }], ['GET', 'environ/<uuid>'],
  ['PUT', 'environ', { name: 'A', value: 'x' }], ['PUT', 'environ', { name: 'A', value: 'x', secret: true }], ['PUT', 'environ', { name: '1', value: 'x' }],
  ['DELETE', 'environ/<uuid>/A'], ['DELETE', 'environ', { name: 'B' }]
]

for (const [method, action, args] of actions) {
  t.test(`${method} ${action} ${args ? JSON.stringify(args).replace(tenant, '<uuid>') : ''} tells nobody of another admin's tenant`, async t => {
    const answer = async (uuid: string) => {
      const to = args && Object.fromEntries(Object.entries({ uuid, ...args }).map(([name, value]) => [name, typeof value === 'string' ? value.replace(tenant, uuid) : value]))
      return told(await manage(method, action.replace('<uuid>', uuid).replace(tenant, uuid), to, otherAdminCredentials), uuid)
    }
    const foreign = await answer(tenant)
    t.match(foreign.status, /^40[04]$/)
    t.strictSame(foreign, await answer(unknown))
    t.strictSame(foreign, await answer(admin), 'nor of an admin')
  })
}

t.test('nothing of that did anything', async t => {
  t.strictSame((await manage('GET', `show/${tenant}`)).json(), before)
  t.equal((await manage('GET', `keys/${tenant}`)).json().keys.length, 2)
  t.strictSame((await call(undefined, 'GET', `/${tenant}/tell`)).json(), { A: 'mine' })
})

t.test('each admin lists its own tenants only', async t => {
  t.strictSame((await manage('GET', 'list', undefined, otherAdminCredentials)).json(), { tenants: [] })
  const { uuid } = (await manage('POST', 'register', { userid: 'the first admin\'s' }, otherAdminCredentials)).json()
  t.match((await manage('GET', 'list', undefined, otherAdminCredentials)).json().tenants, [{ uuid, userid: 'the first admin\'s' }], 'a userid is free with the other')
  t.strictSame((await manage('GET', 'list')).json().tenants.map((one: { uuid: string }) => one.uuid), [tenant])
  t.equal((await manage('GET', `show/${uuid}`)).statusCode, 404)
  t.strictSame((await manage('GET', `list?after=${uuid}`)).json().next, undefined)
})

t.test('a UUID is taken, whoever has it: registration tells no more', async t => {
  const answer = async (uuid: string) => told(await manage('POST', 'register', { userid: 'taken', uuid }, otherAdminCredentials), uuid)
  t.match(await answer(tenant), { status: 409 })
  t.strictSame(await answer(tenant), await answer(admin))
  t.strictSame(await answer(tenant), await answer(otherAdmin))
})

t.test('an admin\'s token is for its own management', async t => {
  for (const [method, action, args] of [['GET', 'list'], ['POST', 'register', { userid: 'x' }], ['GET', `show/${tenant}`]] as Action[]) {
    const path = `/${admin}/tenant-api/${action}`
    t.equal((await call(otherAdminCredentials, method, path, args)).statusCode, 401, path)
  }
  t.equal((await call(otherAdminCredentials, 'GET', `/${tenant}/tell`)).statusCode, 401, 'and for its own tenants')
})

t.test('lines of the log tell whose management it was', async t => {
  audits()
  await manage('GET', 'list')
  await manage('POST', 'disable', { uuid: tenant }, otherAdminCredentials)
  t.match(audits().map(({ audit }) => audit), [
    { action: 'list', owner: admin, kid: `${admin}.first` }, { action: 'disable', owner: otherAdmin, kid: `${otherAdmin}.first`, on: tenant, outcome: 'refused', status: 404 }
  ])
})

t.test('__directory__ shows an admin its own tenants only', async t => {
  const modules = async (...by: Parameters<typeof call>) => (await call(...by)).json().modules.map(({ owner }: { owner: string }) => owner)
  t.ok((await modules(adminCredentials, 'GET', `/${admin}/__directory__`)).includes(tenant))
  t.notOk((await modules(otherAdminCredentials, 'GET', `/${otherAdmin}/__directory__`)).includes(tenant))
})
