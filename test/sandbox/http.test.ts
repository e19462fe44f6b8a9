import { Readable } from 'node:stream'
import t from 'tap'
import { moduleSource } from '../helper.ts'
import { buildTenants, other, tenant } from './tenancy.ts'

t.test('arguments and results are those of trusted modules', async t => {
  const source = moduleSource({
    sample: "{ method: 'GET|POST' }, args => args",
    named: "{ params: ['id', 'rest'], args: Type.Object({ id: Type.Integer(), rest: Type.Optional(Type.String()) }) }, args => args",
    many: '{ args: Type.Object({ a: Type.Array(Type.Integer()), b: Type.Optional(Type.String()) }) }, args => args',
    cut: '{ returns: Type.Object({ a: Type.Integer() }) }, () => ({ a: 1, secret: 2 })',
    misfit: "{ returns: Type.Object({ a: Type.Integer() }) }, () => ({ a: 'secret' })",
    nothing: '{}, () => undefined',
    text: "{}, () => 'text'",
    missing: "{}, () => fail(404, 'not here')",
    failing: "{}, () => { throw new Error('secret') }",
    teapot: "{}, () => { throw Object.assign(new Error('tea'), { statusCode: 418, code: 'TEA' }) }",
    gateway: "{}, () => { throw Object.assign(new Error('secret'), { statusCode: 502 }) }",
    forged: "{}, () => { throw Object.assign(new Error('x'), { statusCode: 400, code: 'FMS_ERR_MAP' }) }",
    body: "{ method: 'POST' }, (args, { body }) => ({ body, args })",
    page: "{}, () => new Response('<p>hi', { status: 201, headers: { 'content-type': 'text/html', 'x-own': '1' } })",
    bytes: '{}, () => new Uint8Array([1, 2, 255])'
  })
  const { app, url } = await buildTenants(t, {
    files: { 'm.ts': source }, tenantFiles: { [tenant]: { 'm.ts': source } }
  })
  const calls: ReadonlyArray<{ url: string, method?: 'POST' | 'HEAD', payload?: unknown, headers?: Record<string, string> }> = [
    { url: '/sample/1/2?a=1&b=2&b=3' },
    { url: '/sample/1', method: 'POST', payload: { parm_1: 'x', args: [1], __map__: { parm_1: 'p1' } } },
    { url: '/sample/1', method: 'POST', payload: { __map__: { parm_1: 'constructor' } } },
    { url: '/sample/1', method: 'POST', payload: { __map__: 5 } },
    { url: '/sample?__proto__=1&constructor=2&a=3' },
    { url: '/sample', method: 'POST', payload: '{"__proto__":1}', headers: { 'content-type': 'application/json' } },
    { url: '/sample', method: 'POST', payload: '{"constructor":{"a":1},"b":2}', headers: { 'content-type': 'application/json' } },
    { url: '/sample', method: 'POST', payload: '{"a":', headers: { 'content-type': 'application/json' } },
    { url: '/named/7/any%20text' },
    { url: '/named/seven' },
    { url: '/many?a=1&a=2&b=1&b=2' },
    { url: '/many?a=1' },
    { url: '/cut' },
    { url: '/misfit' },
    { url: '/nothing' },
    { url: '/text' },
    { url: '/missing' },
    { url: '/failing' },
    { url: '/teapot' },
    { url: '/gateway' },
    { url: '/forged' },
    { url: '/body', method: 'POST', payload: [1, 2] },
    { url: '/body', method: 'POST', payload: 'plain', headers: { 'content-type': 'text/plain' } },
    { url: '/body', method: 'POST', headers: { 'content-type': 'application/json' } },
    { url: '/body', method: 'POST', payload: { a: 1, __map__: {} } },
    { url: '/page' },
    { url: '/bytes' },
    { url: '/sample', method: 'HEAD' }
  ]
  for (const { url: path, ...request } of calls) {
    const ask = async (owner: string) => await app.inject({ url: url(`/${owner}${path}`), ...request } as never)
    const [trusted, sandboxed] = [await ask('70dd81e5-961a-470e-9e88-63d828674757'), await ask(tenant)]
    // A trusted function may answer with any 5xx; a tenant's only with 500.
    const status = path === '/gateway' ? 500 : trusted.statusCode
    const title = `${request.method ?? 'GET'} ${path} ${JSON.stringify(request.payload ?? '')}`
    t.equal(sandboxed.statusCode, status, title)
    if (path !== '/gateway') t.equal(sandboxed.body, trusted.body, title)
    t.equal(sandboxed.headers['content-type'], trusted.headers['content-type'], title)
    t.notMatch(sandboxed.body, /secret/, title)
  }
})

t.test('the log of an owner says what its callers may not know', async t => {
  const { app, own, url } = await buildTenants(t, {
    tenantFiles: {
      [tenant]: {
        'm.ts': "import { endpoint } from 'fastify-microservices'\n\n" +
          "const deep = () => { throw new Error('the reason') }\n\nexport const failing = endpoint({}, () => deep())\n" +
          "export const talks = endpoint({}, (args, { log }) => { console.log('one', { two: 2 }); log.warn('three'); return 1 })\n"
      },
      [other]: { 'm.ts': moduleSource({ a: '{}, () => 1' }) }
    }
  })
  t.match((await app.inject(own('/failing'))).json(), { statusCode: 500, code: 'FMS_ERR_FUNCTION', message: 'Internal Server Error' })
  await app.inject(own('/talks'))
  const entries = app.microservices.logs(tenant)
  const failure = entries.find(({ code }) => code === 'FMS_ERR_FUNCTION')
  t.match(failure, { level: 'error', module: 'm', api: 'failing', requestId: String, message: /the reason/ })
  t.match(failure?.stack, /m\.ts:3:\d+/, 'with the position in the source')
  t.notMatch(failure?.stack, /isolate|prelude|node_modules|\/lib\//, 'and no frame of the platform')
  t.match(entries.find(({ message }) => message.includes('one')), { level: 'info', message: /one.*two: 2/, api: 'talks' })
  t.match(entries.find(({ message }) => message === 'three'), { level: 'warn' })
  await app.inject(url(`/${other}/a`))
  t.match(app.microservices.logs(other).map(({ message }) => message), ['GET a: 200'], 'it is nobody else\'s')
})

t.test('headers in: those that carry credentials or speak of proxies stay outside', async t => {
  const files = { [tenant]: { 'm.ts': moduleSource({ headers: '{}, (args, { headers }) => headers' }) } }
  const headers = {
    cookie: 'a=1', authorization: 'Basic eA==', 'proxy-authorization': 'x', 'proxy-connection': 'x', forwarded: 'for=1', 'x-forwarded-for': '1', 'x-forwarded-anything': '1', 'x-own': 'yes', accept: 'a/b'
  }
  const { app, own } = await buildTenants(t, { tenantFiles: files })
  const seen = (await app.inject({ url: own('/headers'), headers })).json()
  t.strictSame(Object.keys(seen).sort(), ['accept', 'host', 'user-agent', 'x-own'])

  t.test('but for those that the operator lets through', async t => {
    const { app, own } = await buildTenants(t, { tenantFiles: files, sandbox: { requestHeaders: ['Authorization', 'x-forwarded-for'] } })
    const seen = (await app.inject({ url: own('/headers'), headers })).json()
    t.strictSame(Object.keys(seen).sort(), ['accept', 'authorization', 'host', 'user-agent', 'x-forwarded-for', 'x-own'])
  })
})

t.test('headers out: a tenant shares the origin, and may not act for it', async t => {
  const dropped = {
    'set-cookie': 'sid=1',
    'clear-site-data': '"*"',
    'service-worker-allowed': '/',
    'access-control-allow-origin': '*',
    'access-control-allow-credentials': 'true',
    'strict-transport-security': 'max-age=1',
    connection: 'close',
    'keep-alive': 'timeout=1',
    'transfer-encoding': 'chunked',
    upgrade: 'h2c',
    te: 'x',
    trailer: 'x',
    'proxy-authenticate': 'x',
    'content-length': '1'
  }
  const source = moduleSource({
    hostile: `{}, () => new Response('body', { headers: ${JSON.stringify({ ...dropped, 'content-security-policy': "default-src 'none'", 'x-content-type-options': 'sniff', 'x-own': '1' })} })`,
    value: '{}, () => 1',
    failing: "{}, () => fail(400, 'no')",
    late: '{}, () => { for (;;); }',
    nothing: '{}, () => undefined'
  })
  const options = { tenantFiles: { [tenant]: { 'm.ts': source } }, tenants: { [tenant]: { limits: { turnMs: 50 } } } }
  const { app, own } = await buildTenants(t, options)
  const { headers, body } = await app.inject(own('/hostile'))
  t.equal(body, 'body')
  for (const name of Object.keys(dropped)) {
    if (name === 'connection') t.not(headers[name], 'close')
    else if (name === 'content-length') t.equal(headers[name], '4')
    else t.equal(headers[name], undefined, name)
  }
  t.match(headers, { 'x-own': '1', 'x-content-type-options': 'nosniff' })
  t.match([headers['content-security-policy']].flat().join(', '), /^sandbox, default-src 'none'$/, 'its own policy adds to ours')
  for (const path of ['/value', '/failing', '/late', '/nothing']) {
    t.match((await app.inject(own(path))).headers, { 'x-content-type-options': 'nosniff', 'content-security-policy': 'sandbox' }, path)
  }

  t.test('but for those that the operator lets through', async t => {
    const { app, own } = await buildTenants(t, { ...options, sandbox: { responseHeaders: ['Set-Cookie', 'content-security-policy'] } })
    const { headers, body } = await app.inject(own('/hostile'))
    t.equal(body, 'body', JSON.stringify([app.microservices.directory().problems, app.microservices.logs(tenant), app.microservices.status()]))
    t.strictSame([headers['set-cookie'], headers['content-security-policy']].flat(), ['sid=1', "default-src 'none'"])
    t.equal(headers['clear-site-data'], undefined)
    t.equal((await app.inject(own('/value'))).headers['content-security-policy'], undefined)
  })
})

t.test('a Response that HTTP cannot carry is a 502', async t => {
  const { app, own } = await buildTenants(t, {
    tenantFiles: {
      [tenant]: {
        'm.ts': moduleSource({
          informational: "{}, () => Object.defineProperty(new Response('x'), 'status', { value: 101 })",
          many: "{}, () => new Response('x', { headers: Object.fromEntries(Array.from({ length: 500 }, (_, i) => ['x-' + i, 'y'.repeat(100)])) })",
          used: "{}, async () => { const response = new Response('x'); await response.text(); return response }",
          circular: '{}, () => { const a = {}; a.a = a; return a }',
          bigint: '{}, () => 1n',
          large: "{}, () => 'x'.repeat(2_000_000)"
        })
      }
    }
  })
  for (const [path, codes] of Object.entries({
    many: ['FMS_ERR_RESPONSE'], used: ['FMS_ERR_RESPONSE'], circular: ['FMS_ERR_FUNCTION', 'FMS_ERR_RESPONSE'], bigint: ['FMS_ERR_FUNCTION', 'FMS_ERR_RESPONSE'], large: ['FMS_ERR_RESPONSE']
  })) {
    const answer = await app.inject(own(`/${path}`))
    t.ok(codes.includes(answer.json().code), `${path}: ${answer.body}`)
    t.ok(app.microservices.logs(tenant).some(({ api, code }) => api === path && codes.includes(code!)), `${path} in the log`)
  }
  t.ok([200, 502].includes((await app.inject(own('/informational'))).statusCode), 'what a module makes of its own Response is read past')
})

t.test('a payload larger than the tenant\'s limit is a 413', async t => {
  const { app, own } = await buildTenants(t, {
    tenantFiles: { [tenant]: { 'm.ts': moduleSource({ size: "{ method: 'POST' }, ({ text }) => text.length" }) } },
    tenants: { [tenant]: { limits: { requestBytes: 1_000 } } }
  })
  t.equal((await app.inject({ method: 'POST', url: own('/size'), payload: { text: 'x'.repeat(900) } })).body, '900')
  const answer = await app.inject({ method: 'POST', url: own('/size'), payload: { text: 'x'.repeat(1_000) } })
  t.match(answer.json(), { statusCode: 413, code: 'FST_ERR_CTP_BODY_TOO_LARGE', message: 'Request body is too large' })

  // Without a content-length, in chunks.
  for (const type of ['application/json', 'text/plain']) {
    const payload = Readable.from(['{"text":"', 'x'.repeat(1_000), '"}'])
    t.equal((await app.inject({ method: 'POST', url: own('/size'), payload, headers: { 'content-type': type, 'transfer-encoding': 'chunked' } })).statusCode, 413, type)
  }
})

t.test('a body that a hook of the host put in place is the one that arrives', async t => {
  const { app, own } = await buildTenants(t, {
    tenantFiles: { [tenant]: { 'm.ts': moduleSource({ echo: "{ method: 'POST' }, (args, { body }) => ({ args, body })" }) } },
    before: app => app.addHook('preValidation', async request => { request.body = { ...request.body as object, added: true } })
  })
  t.strictSame((await app.inject({ method: 'POST', url: own('/echo'), payload: { a: 1 } })).json(), { args: { a: 1, added: true }, body: { a: 1, added: true } })
})

t.test('with `envelope` results are wrapped', async t => {
  const { app, own } = await buildTenants(t, {
    envelope: true, tenantFiles: { [tenant]: { 'm.ts': moduleSource({ value: '{}, () => ({ a: 1 })', nothing: '{}, () => undefined' }) } }
  })
  t.equal((await app.inject(own('/value'))).body, '{"status":"OK","response":{"a":1}}')
  t.equal((await app.inject(own('/nothing'))).body, '{"status":"OK","response":null}')
})

t.test('`authorize` decides on tenants\' calls too, and its failures say nothing', async t => {
  const { app, own } = await buildTenants(t, {
    tenantFiles: { [tenant]: { 'm.ts': moduleSource({ a: '{}, () => 1', b: '{}, () => 1', c: '{}, () => 1' }) } },
    authorize: (_request, { owner, api }) => {
      if (api === 'b') throw new Error('secret')
      return owner === tenant && api === 'a'
    }
  })
  t.equal((await app.inject(own('/a'))).statusCode, 200)
  t.match((await app.inject(own('/c'))).json(), { statusCode: 403, code: 'FMS_ERR_FORBIDDEN' })
  const answer = await app.inject(own('/b'))
  t.equal(answer.statusCode, 500)
  t.notMatch(answer.body, /secret/)
})
