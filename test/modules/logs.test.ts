import { once } from 'node:events'
import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { OwnerLogEntry } from '../../types/status.ts'
import { build, moduleSource } from '../helper.ts'
import { admin, adminCredentials, buildOwners, type BuiltOwners, type Credentials, otherAdminCredentials, tenant } from '../owners/owners.ts'
import { until } from '../tenancy/open.ts'

const source = moduleSource({
  fine: '{}, () => 1',
  checked: '{ args: Type.Object({ n: Type.Integer() }) }, ({ n }) => n',
  gone: "{}, () => fail(404, 'no such thing')",
  failing: "{}, () => { throw new Error('the reason') }",
  taking: "{ method: 'POST' }, () => undefined",
  talking: "{}, (args, { log }) => { log.warn('said'); return 1 }"
})

interface Logs extends BuiltOwners {
  keys: { call: Credentials, manage: Credentials }
  logs (query?: string, by?: Credentials): Promise<OwnerLogEntry[]>
}

async function open (t: Test, options: Parameters<typeof buildOwners>[1] = {}): Promise<Logs> {
  const built = await buildOwners(t, { tenantFiles: { [tenant]: { 'm.ts': source } }, files: { 'own.ts': source }, ...options })
  const { keys: [call, manage] } = (await built.manage('POST', 'register', { userid: 'ann', uuid: tenant })).json()
  const logs: Logs['logs'] = async (query = '', by = manage) => {
    const answer = await built.call(by, 'GET', `/${tenant}/module-api/logs${query}`)
    t.equal(answer.statusCode, 200, answer.body)
    return answer.json().entries
  }
  return { ...built, keys: { call, manage }, logs }
}

/** What a call came to, in short. */
function calls (entries: readonly OwnerLogEntry[]): string[] {
  return entries.filter(({ status }) => status !== undefined).map(({ message }) => message)
}

/** The calls that tell most, of a trusted module or of a tenant's. */
async function callAll ({ app, call, url }: BuiltOwners, owner: string, by: Credentials): Promise<void> {
  for (const path of ['fine', 'checked?n=x', 'checked?n=1', 'gone', 'failing']) await call(by, 'GET', `/${owner}/${path}`)
  await app.inject({ method: 'POST', url: url(`/${owner}/taking`), payload: '{', headers: { 'content-type': 'application/json' } })
  await app.inject({ method: 'POST', url: url(`/${owner}/taking`), payload: { a: 'x'.repeat(2_000_000) } })
  await call(undefined, 'POST', `/${owner}/taking`, {})
}

const all = [
  'GET fine: 200', 'GET checked: 400 args/n must be integer', 'GET checked: 200', 'GET gone: 404 no such thing', 'GET failing: 500',
  /POST taking: 400 .*JSON/, 'POST taking: 413 Request body is too large', 'POST taking: 204'
]

t.test('calls stand in the log of their owner, with what became of them; a tenant sees its own', async t => {
  const built = await open(t)
  await callAll(built, tenant, built.keys.call)
  const entries = await built.logs()
  t.match(calls(entries), all)
  for (const { status, milliseconds, level, module, version, requestId, time } of entries.filter(({ status }) => status !== undefined)) {
    t.match({ level, module, version, requestId }, { level: 'info', module: 'm', version: /^[\da-f]+$/, requestId: /^req-/ })
    t.ok(Math.abs(time - Date.now()) < 60_000)
    if (status === 200 || status === 500) t.ok(Number.isInteger(milliseconds) && milliseconds! < 60_000, `${milliseconds} ms`)
  }
  t.match(entries.filter(({ api }) => api === 'failing'), [
    { level: 'error', code: 'FMS_ERR_FUNCTION', message: /the reason/, stack: /m\.ts:/ }, { status: 500, code: 'FMS_ERR_FUNCTION', method: 'GET' }
  ])
  t.strictSame(built.app.microservices.logs(tenant), entries, 'as the app reads it')
})

t.test('so do those of trusted modules, with their failures', async t => {
  const built = await open(t)
  await callAll(built, admin, adminCredentials)
  const { entries } = (await built.call(adminCredentials, 'GET', `/${admin}/module-api/logs`)).json()
  t.match(calls(entries), all)
  const [line, call] = entries.filter(({ api }: OwnerLogEntry) => api === 'failing')
  t.match(line, { level: 'error', module: 'own', code: 'FMS_ERR_FUNCTION', message: 'the reason', stack: /own\.ts:/, requestId: call.requestId })
  t.notOk(JSON.stringify(entries).includes('module-api'), 'management is not among them')
})

t.test('also where there are no tenants', async t => {
  const { app, url } = await build(t, { files: { 'a.ts': source } })
  await app.inject(url('/fine'))
  await app.inject(url('/failing'))
  t.match(app.microservices.logs('local'), [{ api: 'fine', status: 200 }, { level: 'error', message: 'the reason' }, { api: 'failing', status: 500 }])
})

t.test('what SECRETS names is masked', async t => {
  process.env['LOGS_TEST_SECRET'] = 'hush-hush-hush'
  t.teardown(() => { delete process.env['LOGS_TEST_SECRET'] })
  const fail = (status: number) => `{}, () => { throw Object.assign(new Error('hush-hush-hush'), { statusCode: ${status} }) }`
  const { app, url } = await build(t, { files: { 'a.ts': moduleSource({ own: fail(500), told: fail(400) }) }, SECRETS: ['LOGS_TEST_SECRET'] })
  await app.inject(url('/own'))
  await app.inject(url('/told'))
  const text = JSON.stringify(app.microservices.logs('local'))
  t.match(text, /\[secret\].*\[secret\]/)
  t.notMatch(text, 'hush')
})

t.test('what the app\'s own hooks make of a call counts', async t => {
  const refuse = Object.assign(new Error('slower'), { statusCode: 429 })
  const { app, url } = await build(t, {
    files: { 'a.ts': moduleSource({ fine: '{}, () => 1', thrown: '{}, () => fail(404, "x")', stream: '{}, () => new Response(new Blob(["text"]).stream())' }) },
    before: app => {
      app.setErrorHandler((error, _request, reply) => { reply.code(418).send({ message: (error as Error).message }) })
      app.addHook('preHandler', async request => { if (request.url.includes('refuse')) throw refuse })
      app.addHook('onSend', async (request, reply, payload) => {
        if (request.url.includes('late')) reply.code(202)
        if (request.url.includes('never')) throw refuse
        return payload
      })
    }
  })
  for (const path of ['fine?refuse', 'fine?late', 'fine?never', 'thrown', 'stream']) await app.inject(url(`/${path}`))
  const found = () => calls(app.microservices.logs('local'))
  await until(() => found().length === 5)
  t.strictSame(found(), ['GET fine: 418 slower', 'GET fine: 202', 'GET fine: 429 slower', 'GET thrown: 418 x', 'GET stream: 200'])
})

t.test('a token that was used before is told of; what comes without a good one is not', async t => {
  const { app, url, token, keys, logs } = await open(t)
  const authorization = `Bearer ${await token(keys.call, 'GET', `/${tenant}/fine`, '', false)}`
  for (let i = 0; i < 2; i++) await app.inject({ url: url(`/${tenant}/fine`), headers: { authorization } })
  await app.inject({ url: url(`/${tenant}/fine`), headers: { authorization: 'Bearer x' } })
  await app.inject(url(`/${tenant}/nowhere`))
  const entries = await logs()
  t.strictSame(calls(entries), ['GET fine: 200', 'GET fine: 401 a valid token is needed'])
  t.match(entries.at(-1), { code: 'FMS_ERR_TOKEN', status: 401 })
  t.notHas(entries.at(-1), { milliseconds: Number })
})

t.test('entries are chosen by module, number and id', async t => {
  const { call, logs, keys } = await open(t, { tenantFiles: { [tenant]: { 'm.ts': source, 'n.ts': moduleSource({ other: '{}, () => 1' }) } } })
  for (const path of ['fine', 'other', 'talking']) await call(keys.call, 'GET', `/${tenant}/${path}`)
  const entries = await logs()
  t.strictSame(entries.map(({ message }) => message), ['GET fine: 200', 'GET other: 200', 'said', 'GET talking: 200'])
  t.strictSame(await logs('?module=n'), [entries[1]])
  t.strictSame(await logs('?limit=2'), entries.slice(2))
  t.strictSame(await logs(`?after=${entries[1]!.id}`), entries.slice(2))
  t.strictSame(await logs(`?after=${entries[3]!.id}`), [])
  t.strictSame(await logs('', adminCredentials), entries, 'its admin sees the same')
})

t.test('bad input', async t => {
  const { call, keys } = await open(t)
  const path = `/${tenant}/module-api/logs`
  for (const query of ['?limit=0', '?limit=1001', '?limit=x', '?after=-1', '?after=x', '?follow=maybe', '?unknown=1']) {
    t.equal((await call(keys.manage, 'GET', path + query)).statusCode, 400, query)
  }
  t.equal((await call(keys.manage, 'POST', path)).statusCode, 404)
  for (const by of [undefined, keys.call, otherAdminCredentials]) t.equal((await call(by, 'GET', path)).statusCode, 401)
})

t.test('a management key opens one owner\'s log, not its neighbour\'s nor its admin\'s', async t => {
  const { call, keys, manage } = await open(t)
  const { uuid } = (await manage('POST', 'register', { userid: 'bob' })).json()
  for (const owner of [uuid, admin]) t.equal((await call(keys.manage, 'GET', `/${owner}/module-api/logs`)).statusCode, 401)
})

/** A log that is read along, over a socket. */
class Following {
  readonly request: ClientRequest
  readonly response: IncomingMessage
  text = ''
  readonly ended: Promise<unknown>

  constructor (request: ClientRequest, response: IncomingMessage) {
    this.request = request
    this.response = response
    response.setEncoding('utf8').on('data', (text: string) => { this.text += text })
    response.on('error', () => {})
    this.ended = new Promise(resolve => response.once('close', resolve))
  }

  static async open ({ app, token, url }: BuiltOwners, by: Credentials, path: string): Promise<Following> {
    if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as AddressInfo
    const headers = { authorization: `Bearer ${await token(by, 'GET', path)}` }
    const request = get({ port, path: url(path), headers, agent: false })
    request.on('error', () => {})
    const [response] = await once(request, 'response') as [IncomingMessage]
    return new Following(request, response)
  }

  get entries (): OwnerLogEntry[] {
    return [...this.text.matchAll(/^id: (\d+)\ndata: (.*)\n\n/gm)].map(([, id, data]) => {
      const entry = JSON.parse(data!)
      t.equal(entry.id, Number(id))
      return entry
    })
  }

  get messages (): string[] {
    return this.entries.map(({ message }) => message)
  }

  async until (messages: readonly string[]): Promise<void> {
    await until(() => this.messages.length >= messages.length)
    t.strictSame(this.messages, messages)
  }
}

const following = (query = '') => `/${tenant}/module-api/logs?follow=true${query}`

t.test('a log that is followed comes as it is written', async t => {
  const built = await open(t)
  const { call, keys } = built
  await call(keys.call, 'GET', `/${tenant}/talking`)
  const tail = await Following.open(built, keys.manage, following('&limit=1'))
  t.match(tail.response.headers, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store, no-transform', 'x-content-type-options': 'nosniff' })
  t.equal(tail.response.statusCode, 200)
  await tail.until(['GET talking: 200'])
  await call(keys.call, 'GET', `/${tenant}/talking`)
  await tail.until(['GET talking: 200', 'said', 'GET talking: 200'])
  const filtered = await Following.open(built, keys.manage, following('&module=other'))
  await call(keys.call, 'GET', `/${tenant}/fine`)
  await tail.until(['GET talking: 200', 'said', 'GET talking: 200', 'GET fine: 200'])
  t.equal(filtered.text, ':\n\n', 'headers and a beat come at once, of another module nothing')
  tail.request.destroy()
  filtered.request.destroy()
})

t.test('four follow one log; who leaves makes room', async t => {
  const built = await open(t)
  const tails = await Promise.all([1, 2, 3, 4].map(() => Following.open(built, built.keys.manage, following())))
  const fifth = await built.call(built.keys.manage, 'GET', following())
  t.match([fifth.statusCode, fifth.headers['retry-after'], fifth.json().code], [429, '10', 'FMS_ERR_BUSY'])
  tails[0]!.request.destroy()
  let status = 429
  while (status === 429) {
    const { response, request } = await Following.open(built, adminCredentials, following())
    status = response.statusCode!
    if (status === 429) request.destroy()
    else tails.push({ request } as Following)
  }
  t.equal(status, 200)
  for (const { request } of tails) request.destroy()
})

t.test('it ends when its tenant is disabled, when its key is removed, and with the app', async t => {
  const built = await open(t)
  const { manage, keys, app, call } = built
  const disabled = await Following.open(built, keys.manage, following())
  await manage('POST', 'disable', { uuid: tenant })
  await disabled.ended
  t.ok(disabled.response.complete, 'as an answer ends')
  await manage('POST', 'enable', { uuid: tenant })

  const [own, admins] = await Promise.all([keys.manage, adminCredentials].map(by => Following.open(built, by, following())))
  await manage('DELETE', `keys/${tenant}/${keys.manage.kid}`)
  await own!.ended
  await call(undefined, 'GET', `/${tenant}/fine`)
  await until(() => admins!.messages.includes('GET fine: 200'))
  await app.close()
  await admins!.ended
  t.ok(admins!.response.complete)
})

t.test('a reader that reads nothing does not keep the app from closing', async t => {
  const built = await open(t, { tenantFiles: { [tenant]: { 'm.ts': moduleSource({ talk: "{}, () => { console.log('x'.repeat(30_000)); return 1 }" }) } } })
  const tail = await Following.open(built, built.keys.manage, following())
  tail.response.pause()
  const { call } = built
  for (let i = 0; i < 400; i++) await call(undefined, 'GET', `/${tenant}/talk`)
  await built.app.close()
  tail.response.resume()
  await tail.ended
  t.ok(tail.entries.length > 0)
})

t.test('HEAD is answered without following', async t => {
  const built = await open(t)
  for (let i = 0; i < 6; i++) t.equal((await built.call(built.keys.manage, 'HEAD', following())).statusCode, 200)
})
