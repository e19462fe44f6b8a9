import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { moduleSource } from '../helper.ts'
import { admin, adminCredentials, buildOwners, type BuiltOwners, type Credentials, otherAdmin, otherAdminCredentials, tenant } from '../owners/owners.ts'

const source = moduleSource({ hello: "{}, () => 'hello'" })

async function open (t: Test, options: Parameters<typeof buildOwners>[1] = {}): Promise<BuiltOwners & { begin: Begin }> {
  const built = await buildOwners(t, options)
  await built.manage('POST', 'register', { userid: 'uploader', uuid: tenant })
  await built.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = built.app.server.address() as AddressInfo
  const begin: Begin = async (by, owner, body, headers = {}) => {
    const path = `/${owner}/module-api/upload/hello`
    const authorization = by && `Bearer ${await built.token(by, 'POST', path, body)}`
    return request({ port, host: '127.0.0.1', method: 'POST', path: built.url(path), headers: { 'content-type': 'text/typescript', ...authorization && { authorization }, ...headers } })
  }
  return { ...built, begin }
}

/** An upload whose body is still to be sent. */
type Begin = (by: Credentials | undefined, owner: string, body: string, headers?: Record<string, string>) => Promise<ClientRequest>

async function answered (upload: ClientRequest): Promise<{ status: number, body: string, headers: IncomingMessage['headers'] }> {
  const [response] = await once(upload, 'response') as [IncomingMessage]
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(await response.toArray()).toString() }
}

t.test('one upload of an owner at a time: a slow body keeps nobody else from theirs', async t => {
  const { begin, manage } = await open(t)
  const other = 'a1b2c3d4-0000-4000-8000-000000000009'
  await manage('POST', 'register', { userid: 'other', uuid: other })
  const slow = await begin(adminCredentials, tenant, source)
  slow.write(source.slice(0, 10))
  // Its answer comes after that of the first was begun to be read: the first has its turn.
  await until(async () => {
    const second = await begin(adminCredentials, tenant, source)
    second.end(source)
    const { status, body, headers } = await answered(second)
    if (status !== 429) return false
    t.match(JSON.parse(body), { code: 'FMS_ERR_BUSY', message: /one upload of an owner at a time/ })
    t.equal(headers['retry-after'], '1')
    return true
  })
  const others = await begin(adminCredentials, other, source)
  others.end(source)
  t.equal((await answered(others)).status, 200, 'another owner has its own turn')
  slow.end(source.slice(10))
  t.equal((await answered(slow)).status, 200)
  const next = await begin(adminCredentials, tenant, `${source}\n`)
  next.end(`${source}\n`)
  t.equal((await answered(next)).status, 200, 'and then the next may')
})

t.test('a client that leaves amid its body leaves its turn and nothing else', async t => {
  const { begin, call } = await open(t)
  const broken = await begin(adminCredentials, tenant, source)
  broken.on('error', () => {})
  broken.write(source.slice(0, 10))
  await once(broken, 'socket')
  broken.destroy()
  await until(async () => {
    const again = await begin(adminCredentials, tenant, source)
    again.end(source)
    return (await answered(again)).status === 200
  })
  const { modules } = (await call(adminCredentials, 'GET', `/${tenant}/module-api/versions`)).json<{ modules: Array<{ versions: unknown[] }> }>()
  t.strictSame(modules.map(({ versions }) => versions.length), [1])
})

t.test('who has no key for it is refused before any of the body is read', async t => {
  const { begin, manage } = await open(t)
  const keys = (await manage('POST', 'keys', { uuid: tenant, kind: 'call' })).json<Credentials>()
  for (const [who, by] of [['nobody', undefined], ['another admin', otherAdminCredentials], ['a key for calls', keys]] as const) {
    const upload = await begin(by, tenant, source, { 'content-length': '10000000' })
    upload.on('error', () => {})
    upload.flushHeaders()
    t.equal((await answered(upload)).status, 401, who)
    upload.destroy()
  }
})

t.test('a body that is too large is a 413; one that is not what its token says a 401', async t => {
  const { begin } = await open(t)
  const large = await begin(adminCredentials, tenant, source, { 'content-length': '13000000' })
  large.on('error', () => {})
  large.flushHeaders()
  t.equal((await answered(large)).status, 413)
  large.destroy()
  await until(async () => {
    const changed = await begin(adminCredentials, tenant, source)
    changed.end(`${source} `)
    return (await answered(changed)).status === 401
  })
})

t.test('UPLOADS=off takes none, and leaves what was uploaded to be managed', async t => {
  const { begin, call } = await open(t, { UPLOADS: 'off' })
  for (const owner of [tenant, admin]) {
    const upload = await begin(adminCredentials, owner, source)
    upload.end(source)
    t.equal((await answered(upload)).status, 404, owner)
  }
  t.strictSame((await call(adminCredentials, 'GET', `/${tenant}/module-api/versions`)).json(), { modules: [] })
  t.equal((await call(otherAdminCredentials, 'GET', `/${otherAdmin}/module-api/versions`)).statusCode, 200)
})

/** Until it is so: the server learns of what a client did in its own time. */
async function until (is: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end;) if (await is()) return
  throw new Error('it was not so within 20 s')
}
