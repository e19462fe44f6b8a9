import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import type { InjectOptions } from 'fastify'
import { CompactEncrypt, compactDecrypt } from 'jose'
import t, { type Test } from 'tap'
import { produce } from '../../lib/tokens/produce.ts'
import { seal } from '../../lib/tokens/seal.ts'
import { sealCall, type SealCallOptions } from '../../lib/tokens/sealed-call.ts'
import { moduleSource } from '../helper.ts'
import { admin, adminCredentials, buildOwners, type BuiltOwners, type Credentials, tenant } from '../owners/owners.ts'

const source = moduleSource({
  echo: "{ method: 'GET|POST', args: Type.Object({ name: Type.String({ minLength: 2 }) }) }, ({ name }) => ({ hello: name })",
  nothing: "{ method: 'POST' }, () => undefined",
  page: "{}, () => new Response('<b>secret</b>', { status: 201, headers: { 'content-type': 'text/html' } })",
  teapot: "{ method: 'POST' }, () => fail(418, 'secret reason')",
  stream: "{}, ({ length = 3 }) => new Response(new ReadableStream({ pull (controller) { controller.enqueue(new TextEncoder().encode('x'.repeat(1e6))); if (--length === 0) controller.close() } }))"
})
const endless = moduleSource({
  endless: "{}, () => { now = 'running'; return new Response(new ReadableStream({ pull: () => new Promise(() => {}), cancel () { now = 'ended' } })) }",
  state: '{}, () => now'
}, "let now = 'none'")

/** The server learns of what a client did in its own time. */
async function until (is: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    if (await is()) return
    // What is injected never lets a socket have its turn.
    await turn()
  }
  throw new Error('it was not so within 20 s')
}

const { stream: _, ...guestSource } = { stream: '', text: source }

interface Sealing extends BuiltOwners {
  tenantKeys: Credentials
  send (by: Credentials, method: 'GET' | 'POST', path: string, payload?: unknown, change?: (request: InjectOptions) => InjectOptions): Promise<{ status: number, type: unknown, raw: string, answer?: unknown, answerType?: string | undefined }>
}

async function open (t: Test, options: Parameters<typeof buildOwners>[1] = {}): Promise<Sealing> {
  const built = await buildOwners(t, { files: { 'own.ts': source }, tenantFiles: { [tenant]: { 'own.ts': guestSource.text } }, ...options })
  const registered = await built.manage('POST', 'register', { userid: 'sealer', uuid: tenant })
  const { kid, secret } = registered.json<{ keys: Array<Credentials & { kind: string }> }>().keys.find(({ kind }) => kind === 'call')!
  const send: Sealing['send'] = async (by, method, path, payload, change = request => request) => {
    const options: SealCallOptions = { kid: by.kid, key: by.secret, method, url: `https://api.example.com${built.url(path)}`, ...payload !== undefined && { payload } }
    const call = await sealCall(options)
    const response = await built.app.inject(change({ method, url: built.url(path), headers: call.headers, ...call.body !== undefined && { payload: call.body } }))
    const common = { status: response.statusCode, type: response.headers['content-type'], raw: response.payload }
    if (common.type !== 'application/jose') return common
    const { type, content } = await call.open(response.payload)
    return { ...common, answer: Buffer.from(content).toString(), answerType: type }
  }
  return { ...built, tenantKeys: { kid, secret }, send }
}

for (const [whose, owner] of [['a trusted', admin], ['a sandboxed', tenant]] as const) {
  t.test(`a sealed call of ${whose} endpoint: nobody on the way reads payload or answer`, async t => {
    const { send, tenantKeys } = await open(t)
    const by = owner === admin ? adminCredentials : tenantKeys
    const { status, type, raw, answer, answerType } = await send(by, 'POST', `/${owner}/own/echo`, { name: 'secret name' })
    t.strictSame([status, type, answer], [200, 'application/jose', '{"hello":"secret name"}'])
    t.match(answerType, 'application/json')
    t.notMatch(raw, /secret|hello/)
  })

  t.test(`an error of ${whose} endpoint is sealed as well, and so is what it answers beside JSON`, async t => {
    const { send, tenantKeys } = await open(t)
    const by = owner === admin ? adminCredentials : tenantKeys
    const refused = await send(by, 'POST', `/${owner}/own/echo`, { name: 'x' })
    t.equal(refused.status, 400)
    t.match(refused.answer, /FST_ERR_VALIDATION/)
    const thrown = await send(by, 'POST', `/${owner}/own/teapot`, {})
    t.equal(thrown.status, 418)
    t.notMatch(thrown.raw, /secret/)
    t.match(thrown.answer, /secret reason/)
    const page = await send(by, 'GET', `/${owner}/own/page`)
    t.strictSame([page.status, page.type, page.answer, page.answerType], [201, 'application/jose', '<b>secret</b>', 'text/html'])
    const nothing = await send(by, 'POST', `/${owner}/own/nothing`, { a: 1 })
    t.strictSame([nothing.status, nothing.raw], [204, ''])
  })
}

t.test('a call without a payload asks for a sealed answer by what it accepts', async t => {
  const { send, call } = await open(t)
  const { type, answer } = await send(adminCredentials, 'GET', `/${admin}/own/echo?name=Ada`)
  t.strictSame([type, answer], ['application/jose', '{"hello":"Ada"}'])
  const plain = await call(adminCredentials, 'GET', `/${admin}/own/echo?name=Ada`)
  t.strictSame(plain.json(), { hello: 'Ada' })
})

t.test('a stream is sealed whole, up to 16 MB', async t => {
  const { send } = await open(t)
  const small = await send(adminCredentials, 'GET', `/${admin}/own/stream?length=3`)
  t.equal((small.answer as string).length, 3e6)
  const large = await send(adminCredentials, 'GET', `/${admin}/own/stream?length=20`)
  t.equal(large.status, 502)
  t.match(large.answer ?? large.raw, /Bad Gateway/)
})

t.test('a stream that is being sealed ends with its client', async t => {
  const { app, url } = await open(t, { files: { 'endless.ts': endless } })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const path = url(`/${admin}/endless/endless`)
  const { headers } = await sealCall({ kid: adminCredentials.kid, key: adminCredentials.secret, method: 'GET', url: `https://api.example.com${path}` })
  const leave = new AbortController()
  const answer = fetch(base + path, { headers, signal: leave.signal })
  const state = async () => (await app.inject(url(`/${admin}/endless/state`))).json() as unknown
  await until(async () => await state() === 'running')
  leave.abort()
  await t.rejects(answer)
  await until(async () => await state() === 'ended')
  t.pass('it was told')
})

t.test('an admin\'s key seals the calls of its tenants', async t => {
  const { send } = await open(t)
  const { answer } = await send(adminCredentials, 'POST', `/${tenant}/own/echo`, { name: 'Ada' })
  t.equal(answer, '{"hello":"Ada"}')
})

t.test('jose makes and opens what we open and make', async t => {
  const { app, url } = await open(t)
  const { kid, secret } = adminCredentials
  const path = `/${admin}/own/echo`
  const key = Buffer.from(secret, 'base64url')
  const payload = await new CompactEncrypt(Buffer.from('{"name":"Ada"}')).setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid, typ: 'call+jose', jti: 'mine' }).encrypt(key)
  const token = await produce({ kid, key: secret, method: 'POST', url: `https://api.example.com${url(path)}`, jti: 'mine', manage: true, body: payload })
  const response = await app.inject({ method: 'POST', url: url(path), headers: { authorization: `Bearer ${token}`, 'content-type': 'application/jose' }, payload })
  const { plaintext, protectedHeader } = await compactDecrypt(response.payload, key)
  t.equal(Buffer.from(plaintext).toString(), '{"hello":"Ada"}')
  t.match(protectedHeader, { typ: 'reply+jose', jti: 'mine', kid })
})

t.test('what is sealed fits its token, or is refused', async t => {
  const { app, url, manage, tenantKeys } = await open(t)
  const path = url(`/${tenant}/own/echo`)
  const { kid, secret } = tenantKeys
  const send = async (body: string, options: { jti?: string, manage?: boolean } = {}) => {
    const token = await produce({ kid, key: secret, method: 'POST', url: `https://api.example.com${path}`, jti: 'mine', manage: true, body, ...options })
    return await app.inject({ method: 'POST', url: path, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/jose' }, payload: body })
  }
  const added = (await manage('POST', 'keys', { uuid: tenant, kind: 'call' })).json<Credentials>()
  const good = await seal('{"name":"Ada"}', { kid, typ: 'call+jose', jti: 'mine' }, secret)
  const bodies: Array<[string, string, object?]> = [
    ['of another call', await seal('{"name":"Ada"}', { kid, typ: 'call+jose', jti: 'another' }, secret)],
    ['of another key', await seal('{"name":"Ada"}', { kid: added.kid, typ: 'call+jose', jti: 'mine' }, added.secret)],
    ['an answer', await seal('{"name":"Ada"}', { kid, typ: 'reply+jose', jti: 'mine' }, secret)],
    ['an upload', await seal('{"name":"Ada"}', { kid, typ: 'module+jose', jti: 'mine' }, secret)],
    ['no JWE', 'eyJ.a.b.c.d'],
    ['plain JSON', '{"name":"Ada"}'],
    ['beside a token that does not name its body', good, { manage: false }]
  ]
  for (const [what, body, options] of bodies) {
    const answer = await send(body, options)
    t.equal(answer.statusCode, 400, what)
    t.match(answer.json(), { code: 'FMS_ERR_SEALED' }, what)
  }
  t.equal((await send(good)).statusCode, 200)
  const without = await app.inject({ method: 'POST', url: path, headers: { 'content-type': 'application/jose' }, payload: good })
  t.match(without.json(), { statusCode: 400, message: /expected a token beside it/ })
})

t.test('nobody on the way adds arguments to a sealed call, or takes its payload off', async t => {
  for (const SEALED of ['optional', 'required'] as const) {
    const { send } = await open(t, { SEALED })
    const path = `/${admin}/own/echo`
    for (const [what, change] of [
      ['a query', request => ({ ...request, url: `${request.url as string}?name=Mallory` })],
      ['a query in the place of the payload', request => ({ method: 'POST', url: `${request.url as string}?name=Mallory`, headers: { authorization: request.headers?.authorization } })],
      ['no payload', request => ({ method: 'POST', url: request.url as string, headers: { authorization: request.headers?.authorization } })]
    ] satisfies Array<[string, (request: InjectOptions) => InjectOptions]>) {
      const { status, raw, answer = raw } = await send(adminCredentials, 'POST', path, { name: 'Ada' }, change)
      t.equal(status, 401, `${SEALED}: ${what}`)
      t.notMatch(answer, /Mallory|hello/)
    }
    const query = await send(adminCredentials, 'GET', `${path}?name=Ada`, undefined, request => ({ ...request, url: `${request.url as string}&name=Mallory` }))
    t.equal(query.status, 401, `${SEALED}: another query`)
  }
})

t.test('a sealed call that is sent again is refused', async t => {
  const { send, app } = await open(t)
  let sent: InjectOptions = {}
  await send(adminCredentials, 'POST', `/${admin}/own/echo`, { name: 'Ada' }, request => { sent = request; return request })
  const again = await app.inject(sent)
  t.equal(again.statusCode, 401)
  t.notMatch(again.payload, /hello/)
})

t.test('SEALED=required takes no call that is not sealed; management stays as it is', async t => {
  const { app, send, call, manage } = await open(t, { SEALED: 'required' })
  const path = `/${tenant}/own/echo`
  t.equal((await call(undefined, 'GET', `${path}?name=Ada`)).statusCode, 401, 'no token')
  const plain = await call(adminCredentials, 'POST', path, { name: 'Ada' })
  t.equal(plain.statusCode, 400)
  t.match(plain.json(), { code: 'FMS_ERR_SEALED' })
  t.equal((await send(adminCredentials, 'POST', path, { name: 'Ada' })).answer, '{"hello":"Ada"}')
  const unbound = await produce({ kid: adminCredentials.kid, key: adminCredentials.secret, method: 'GET', url: `https://api.example.com/rest/services${path}` })
  const refused = await app.inject({ url: `/rest/services${path}?name=Mallory`, headers: { authorization: `Bearer ${unbound}` } })
  t.match(refused.json(), { statusCode: 400, code: 'FMS_ERR_SEALED', message: /names its body and its query/ }, 'a token for any query')
  const got = await call(adminCredentials, 'GET', `${path}?name=Ada`)
  t.equal(got.headers['content-type'], 'application/jose', 'an answer is always sealed')
  t.match((await manage('GET', `show/${tenant}`)).json(), { uuid: tenant })
})

t.test('SEALED=off leaves the type to the host', async t => {
  const { send } = await open(t, { SEALED: 'off' })
  t.equal((await send(adminCredentials, 'POST', `/${admin}/own/echo`, { name: 'Ada' })).status, 415)
})
