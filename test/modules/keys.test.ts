import t from 'tap'
import { admin, adminCredentials, type Credentials } from '../owners/owners.ts'
import { openDesk } from './desk.ts'
import { moduleSource } from '../helper.ts'

const tenant = '0d9e4a76-52f1-4f0e-9a3c-6b1d2e8f7a10'
const { manage, call, token, app, url } = await openDesk(t, {
  tenantFiles: { [tenant]: { 'a.ts': moduleSource({ hello: "{}, () => 'hello'" }) } }, TOKENS: 'required'
})
const registered = (await manage('POST', 'register', { userid: 'keys', uuid: tenant })).json()
// Made now, however long this machine takes.
await app.microservices.refresh()

/** Whether a key opens the tenant's endpoint. */
async function opens (by: Credentials): Promise<boolean> {
  const path = `/${tenant}/hello`
  const answer = await app.inject({ url: url(path), headers: { authorization: `Bearer ${await token(by, 'GET', path, '', false)}` } })
  return answer.statusCode === 200
}

t.test('keys are added, listed without themselves, and removed at once', async t => {
  const added = await manage('POST', 'keys', { uuid: tenant })
  t.equal(added.statusCode, 200)
  const key = added.json()
  t.match(key, { kid: RegExp(`^${tenant}\\.`), kind: 'call', secret: /^[A-Za-z0-9_-]{43}$/ })
  t.ok(await opens(key))

  const { keys } = (await manage('GET', `keys/${tenant}`)).json()
  t.strictSame(keys.map(({ kid }: { kid: string }) => kid).sort(), [...registered.keys.map(({ kid }: { kid: string }) => kid), key.kid].sort())
  for (const one of keys) {
    t.strictSame(Object.keys(one).sort(), ['createdAt', 'kid', 'kind'])
    t.equal(new Date(one.createdAt).toISOString(), one.createdAt)
  }
  t.match(await manage('GET', `keys?uuid=${tenant}`), { statusCode: 200 })

  const removed = await manage('DELETE', 'keys', { uuid: tenant, kid: key.kid })
  t.strictSame([removed.statusCode, removed.body], [204, ''])
  t.notOk(await opens(key))
  const again = await manage('DELETE', `keys/${tenant}/${key.kid}`)
  t.equal(again.statusCode, 404, 'it is gone')
})

t.test('a key of management is asked for by its kind', async t => {
  const { kind } = (await manage('POST', 'keys', { uuid: tenant.toUpperCase(), kind: 'manage' })).json()
  t.equal(kind, 'manage')
})

t.test('a tenant\'s keys, of either kind, manage no tenants', async t => {
  for (const by of registered.keys as Credentials[]) {
    t.equal((await call(by, 'GET', `/${admin}/tenant-api/list`)).statusCode, 401)
    t.equal((await call(by, 'POST', `/${admin}/tenant-api/keys`, { uuid: tenant })).statusCode, 401)
    t.equal((await call(by, 'GET', `/${tenant}/tenant-api/list`)).statusCode, 404, 'tenants have no such module')
  }
  t.equal((await call(undefined, 'GET', `/${admin}/tenant-api/list`)).statusCode, 401)
})

t.test('an admin\'s call key manages nothing, its manage keys do', async t => {
  const own = (await manage('POST', 'keys', { uuid: admin })).json()
  t.match(own, { kid: RegExp(`^${admin}\\.`), kind: 'call' })
  t.equal((await manage('GET', 'list', undefined, own)).statusCode, 401)
  t.ok(await opens(own), 'it calls what the admin\'s tenants serve')
  const manages = (await manage('POST', 'keys', { uuid: admin, kind: 'manage' })).json()
  t.equal((await manage('GET', 'list', undefined, manages)).statusCode, 200)
  t.match((await manage('GET', `keys/${admin}`)).json().keys.map(({ kid }: { kid: string }) => kid).sort(), [own.kid, manages.kid, adminCredentials.kid].sort())
  t.equal((await manage('DELETE', `keys/${admin}/${manages.kid}`, undefined, manages)).statusCode, 204, 'a key may remove itself')
  t.equal((await manage('GET', 'list', undefined, manages)).statusCode, 401)
  t.match((await manage('DELETE', `keys/${admin}/${adminCredentials.kid}`)).statusCode, 409, 'the configuration\'s key is the configuration\'s')
})

t.test('a tenant has 20 keys at most', async t => {
  const codes: number[] = []
  for (let i = 0; i < 20; i++) codes.push((await manage('POST', 'keys', { uuid: tenant })).statusCode)
  t.strictSame([...new Set(codes)], [200, 409])
  const { keys } = (await manage('GET', `keys/${tenant}`)).json()
  t.equal(keys.length, 20)
  t.match((await manage('POST', 'keys', { uuid: tenant })).json().message, /20/)
})

t.test('kinds and kids that are none are refused', async t => {
  for (const kind of ['', 'admin', 'CALL', null, 5, ['call', 'manage']]) {
    t.equal((await manage('POST', 'keys', { uuid: tenant, kind })).statusCode, 400, JSON.stringify(kind))
  }
  for (const kid of ['first', `${tenant}.`, `${tenant}.first`, `${admin}.first`, `${tenant}.__proto__`, '.', '\0']) {
    t.match((await manage('DELETE', 'keys', { uuid: tenant, kid })).statusCode, /^40[04]$/, JSON.stringify(kid))
  }
  t.equal((await manage('DELETE', 'keys', { uuid: tenant, kid: 'x'.repeat(101) })).statusCode, 400)
  t.equal((await manage('DELETE', 'keys', { uuid: tenant })).statusCode, 400)
})
