import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { build, type BuildOptions, moduleSource } from '../helper.ts'

const methods = "method: 'GET|POST|PUT|PATCH|DELETE'"
const tell = '(args, { body, params, query }) => ({ args, body, params, query })'

const files = {
  'one.ts': moduleSource({
    echo: `{ ${methods} }, ${tell}`,
    named: `{ ${methods}, params: ['name', 'other'] }, ${tell}`,
    typed: `{ ${methods}, params: ['id'], args: Type.Object({
      id: Type.Integer({ minimum: 1 }),
      flag: Type.Optional(Type.Boolean()),
      size: Type.Number({ default: 2.5 }),
      name: Type.Optional(Type.String()),
      tags: Type.Optional(Type.Array(Type.String())),
      either: Type.Optional(Type.Union([Type.Array(Type.Integer()), Type.Null()])),
      nested: Type.Optional(Type.Object({ list: Type.Array(Type.Integer()) }))
    }) }, ${tell}`,
    closed: `{ ${methods}, args: Type.Object({ a: Type.Optional(Type.String()) }, { additionalProperties: false }) }, ${tell}`,
    tree: `{ ${methods}, args: { type: 'object', properties: { a: { $ref: '#' } } } }, () => 'served'`,
    brief: `{ ${methods} }, (args, { body }) => ({ names: Object.keys(args), isBody: body !== undefined })`
  })
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

async function start (t: Test, options: BuildOptions = {}) {
  const { app, url } = await build(t, { files, ...options })
  const call = (method: Method, path: string, payload?: object | string, type?: string) =>
    app.inject({ method, url: url(path), ...(payload !== undefined && { payload }), ...(type !== undefined && { headers: { 'content-type': type } }) })
  /** For payloads that are no object literals: written as JSON text. */
  const post = (path: string, text: string, type = 'application/json') => call('POST', path, text, type)
  return { app, url, call, post }
}

t.test('payload, then query, then URL parameters: the later wins', async t => {
  const { call } = await start(t)
  const answer = await call('POST', '/echo/url?parm_1=query&b=query', { parm_1: 'payload', b: 'payload', c: 'payload', d: { e: [1, null] } })
  t.strictSame(answer.json(), {
    args: { parm_1: 'url', b: 'query', c: 'payload', d: { e: [1, null] } },
    body: { parm_1: 'payload', b: 'payload', c: 'payload', d: { e: [1, null] } },
    params: { parm_1: 'url' },
    query: { parm_1: 'query', b: 'query' }
  })
  for (const method of ['PUT', 'PATCH', 'DELETE'] as const) {
    t.strictSame((await call(method, '/named/x?name=y&z=1', { name: 'w', v: 1 })).json().args, { name: 'x', v: 1, z: '1' }, method)
  }
  t.strictSame((await call('GET', '/named/x?name=y&z=1')).json().args, { name: 'x', z: '1' })
})

t.test('values of URL and query are strings unless the schema coerces them', async t => {
  const { call } = await start(t)
  t.strictSame((await call('GET', '/echo/1?a=2&b=true&c=&d&e=null')).json().args, { parm_1: '1', a: '2', b: 'true', c: '', d: '', e: 'null' })
  t.strictSame((await call('GET', '/typed/7?flag=true&size=1e3&name=5')).json().args, { id: 7, flag: true, size: 1000, name: '5' })
  t.strictSame((await call('POST', '/typed/7', { flag: 'false', name: 5 })).json().args, { id: 7, flag: false, size: 2.5, name: '5' }, 'a payload too, with the default')
})

t.test('of a repeated key the last counts, unless the schema asks for an array', async t => {
  const { call } = await start(t)
  t.match((await call('GET', '/echo?a=1&a=2&a=3')).json(), { args: { a: '3' }, query: { a: ['1', '2', '3'] } })
  t.strictSame((await call('GET', '/typed/1?name=a&name=b&tags=x&tags=y')).json().args, { id: 1, size: 2.5, name: 'b', tags: ['x', 'y'] })
  t.strictSame((await call('GET', '/typed/1?tags=x')).json().args.tags, ['x'], 'one alone becomes an array')
  t.strictSame((await call('GET', '/typed/1?either=1&either=2')).json().args.either, [1, 2], 'one of several types')
  t.strictSame((await call('GET', '/typed/1?id=5&id=6')).json().args.id, 1, 'the URL still wins')
})

t.test('a schema asks for an array also in a roundabout way', async t => {
  const list = "{ type: 'array', items: { type: 'integer' } }"
  const schemas: Record<string, string> = {
    reference: `{ type: 'object', properties: { a: { $ref: '#/definitions/list' } }, definitions: { list: ${list} } }`,
    intersect: 'Type.Intersect([Type.Object({ a: Type.Array(Type.Integer()) }), Type.Object({ b: Type.Optional(Type.String()) })])',
    union: 'Type.Union([Type.Object({ a: Type.Array(Type.Integer()) }), Type.Object({ b: Type.String() })])',
    record: 'Type.Record(Type.String(), Type.Array(Type.Integer()))',
    additional: `{ type: 'object', additionalProperties: ${list} }`
  }
  const endpoints = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, `{ args: ${schema} }, args => args`]))
  const { app, call } = await start(t, { files: { 'one.ts': moduleSource(endpoints) } })
  t.strictSame(app.microservices.directory().problems, [])
  for (const name of Object.keys(schemas)) {
    t.strictSame((await call('GET', `/${name}?a=1&a=2`)).json(), { a: [1, 2] }, name)
  }
})

t.test('`args` is a name like any other', async t => {
  const { call } = await start(t)
  t.strictSame((await call('POST', '/echo?b=1', { args: [1, 2, 3], body: 4, query: 5 })).json().args, { args: [1, 2, 3], body: 4, query: 5, b: '1' })
})

t.test('undeclared names are removed where the schema says so, as Fastify does', async t => {
  const { call } = await start(t)
  t.match((await call('POST', '/closed/x?c=1', { a: 'b', d: 1 })).json(), { args: { a: 'b' }, body: { a: 'b', d: 1 }, params: { parm_1: 'x' } })
  t.strictSame((await call('POST', '/closed/x?c=1', { a: 'b', d: 1 })).json().args, { a: 'b' })
})

t.test('`__map__` renames URL parameters, all at once', async t => {
  const { call } = await start(t)
  const map = async (path: string, __map__: unknown, rest: object = {}, method: Method = 'POST') => (await call(method, path, { ...rest, __map__ })).json()
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
    t.strictSame(await map('/echo/1/2?a=1&b=2', { parm_1: 'p1', parm_2: 'p2' }, { c: 3 }, method), {
      args: { p1: '1', p2: '2', a: '1', b: '2', c: 3 },
      body: { c: 3 },
      params: { p1: '1', p2: '2' },
      query: { a: '1', b: '2' }
    }, method)
  }
  t.strictSame((await map('/echo/1/2', { parm_1: 'parm_2', parm_2: 'parm_1' })).args, { parm_2: '1', parm_1: '2' }, 'a swap')
  t.strictSame((await map('/echo/1/2/3', { parm_1: 'parm_2', parm_2: 'parm_3', parm_3: 'x' })).args, { parm_2: '1', parm_3: '2', x: '3' }, 'a chain')
  t.strictSame((await map('/echo/1', { parm_1: 'parm_2' })).args, { parm_2: '1' }, 'a name that no URL parameter has now')
  t.strictSame((await map('/echo/1', { parm_1: 'parm_1' })).args, { parm_1: '1' }, 'itself')
  t.strictSame((await map('/echo/1', {})).args, { parm_1: '1' }, 'nothing')
  t.strictSame((await map('/echo', { parm_1: 'p1', parm_2: 'p1' })).args, {}, 'no URL parameters: no collision')
  t.strictSame((await map('/echo/1', { parm_9: 'x', nope: 'y', a: 'z' }, { a: 1 })).args, { parm_1: '1', a: 1 }, 'names that are not there, and other arguments')
  t.strictSame((await map('/echo/1?p=query', { parm_1: 'p' }, { p: 'payload' })).args, { p: '1' }, 'a renamed parameter still wins')
  t.strictSame((await map('/echo/1?parm_1=query', { parm_1: 'p' })).args, { p: '1', parm_1: 'query' }, 'only URL parameters are renamed')
  t.strictSame((await map('/named/1/2', { name: 'other', other: 'name' })).args, { other: '1', name: '2' }, 'names of `params`')
  t.strictSame((await map('/typed/x', { id: 'name' }, { id: 5 })).args, { id: 5, size: 2.5, name: 'x' }, 'before the schema judges')
})

t.test('`__map__` renames for one request only', async t => {
  const { call } = await start(t)
  await call('POST', '/echo/1', { __map__: { parm_1: 'p1' } })
  t.strictSame((await call('POST', '/echo/1', {})).json().args, { parm_1: '1' })
})

t.test('no `__map__` outside a payload, and none for GET', async t => {
  const { app, url, call } = await start(t)
  const get = await app.inject({ method: 'GET', url: url('/echo/1?__map__=x'), payload: { __map__: { parm_1: 'p1' } } })
  t.equal(get.statusCode, 200)
  t.strictSame(get.json().args, { parm_1: '1' })
  t.strictSame((await call('POST', '/echo/1?__map__=%7B%22parm_1%22%3A%22p1%22%7D', {})).json().args, { parm_1: '1' }, 'it never becomes an argument')
  t.strictSame((await call('POST', '/echo/1', { a: { __map__: { parm_1: 'p1' } } })).json().args, { parm_1: '1', a: { __map__: { parm_1: 'p1' } } }, 'nested, it is data')
})

t.test('a wrong `__map__` is a 400 that says what is wrong', async t => {
  const { post } = await start(t)
  const wrong: ReadonlyArray<[map: string, says: RegExp]> = [
    ['[]', /an array/], ['["parm_1"]', /an array/], ['"parm_1"', /"parm_1"/], ['5', /5/], ['null', /null/], ['true', /true/],
    ['{ "parm_1": 5 }', /parm_1/], ['{ "parm_1": null }', /parm_1/], ['{ "parm_1": {} }', /parm_1/], ['{ "parm_1": ["a"] }', /parm_1/],
    ['{ "parm_1": "" }', /parm_1/], ['{ "parm_1": "a-b" }', /a-b/], ['{ "parm_1": "1a" }', /1a/], ['{ "parm_1": "a b" }', /a b/], ['{ "parm_1": "é" }', /é/],
    ['{ "parm_1": "a\\n" }', /parm_1/], ['{ "parm_1": "constructor" }', /constructor/], ['{ "parm_1": "prototype" }', /prototype/],
    ['{ "parm_1": "__proto__" }', /__proto__/], ['{ "parm_1": "__map__" }', /__map__/],
    ['{ "parm_1": "x", "parm_2": "x" }', /x/], ['{ "parm_1": "parm_2" }', /parm_2/]
  ]
  for (const [map, says] of wrong) {
    const answer = await post('/echo/1/2', `{ "__map__": ${map} }`)
    t.equal(answer.statusCode, 400, map)
    t.match(answer.json(), { statusCode: 400, code: 'FMS_ERR_MAP', error: 'Bad Request', message: /^__map__ / }, map)
    t.match(answer.json().message, says, map)
  }
  t.equal((await post('/echo/1', '{ "__map__": { "__proto__": "x" } }')).statusCode, 400, 'the parser\'s')
  t.equal((await post('/echo/1', '{ "__map__": { "constructor": "x" } }')).statusCode, 200, 'a name that is not there')
})

t.test('names that reach a prototype never become arguments', async t => {
  const { app, url, call, post } = await start(t)
  for (const payload of ['{ "__proto__": { "polluted": 1 } }', '{ "a": { "__proto__": { "polluted": 1 } } }', '[{ "__proto__": { "polluted": 1 } }]',
    '{ "\\u005f_proto__": { "polluted": 1 } }']) {
    const answer = await post('/echo', payload)
    t.match(answer.json(), { statusCode: 400, error: 'Bad Request' }, payload)
  }
  const sent = { constructor: { prototype: { polluted: 1 } }, prototype: { polluted: 1 }, a: { constructor: { prototype: { polluted: 1 } } } }
  // As text: what is compared here misleads whatever looks at constructors.
  const { args, body } = (await call('POST', '/echo', sent)).json()
  t.equal(JSON.stringify(args), JSON.stringify({ a: sent.a }))
  t.equal(JSON.stringify(body), JSON.stringify(sent), '`body` keeps what was sent')
  t.strictSame(Object.keys((await call('POST', '/typed/1', sent)).json().args).sort(), ['a', 'id', 'size'])

  const query = '?constructor=1&prototype=2&__proto__=3&__map__=4&constructor.prototype.polluted=5&__proto__[polluted]=6'
  const answer = await call('GET', `/echo${query}`)
  t.strictSame(answer.json().args, { 'constructor.prototype.polluted': '5', '__proto__[polluted]': '6' })
  t.equal((await call('GET', `/typed/1${query}`)).statusCode, 200)

  t.equal((await app.inject({ method: 'POST', url: url('/echo'), payload: '{ "hasOwnProperty": 1, "toString": 2 }', headers: { 'content-type': 'application/json' } }))
    .json().args.toString, 2, 'other names of Object.prototype are names')
  t.equal(({} as { polluted?: unknown }).polluted, undefined)
})

/** Sends a body in chunks, without its length. */
async function chunked (app: FastifyInstance, path: string, type: string | undefined, chunks: string[]): Promise<{ status: number | undefined, body: unknown }> {
  if (!app.server.listening) await app.listen({ port: 0, host: '127.0.0.1' })
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined, body: unknown }>()
  const { port } = app.server.address() as AddressInfo
  const headers = { 'transfer-encoding': 'chunked', ...(type !== undefined && { 'content-type': type }) }
  const sent = request({ port, host: '127.0.0.1', path, method: 'POST', headers, agent: false }, response => {
    json(response).then(body => resolve({ status: response.statusCode, body }), reject)
  })
  sent.on('error', reject)
  sent.flushHeaders()
  for (const chunk of chunks) sent.write(chunk)
  sent.end()
  return await promise
}

const types = [undefined, 'application/json', 'application/json; charset=utf-8', 'text/plain', 'application/x-www-form-urlencoded', 'application/octet-stream', 'no/such', 'nonsense']

t.test('an empty body is no payload, whatever its content type', async t => {
  const { app, url } = await start(t)
  for (const type of types) {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      for (const length of ['0', undefined]) {
        const headers = { ...(type !== undefined && { 'content-type': type }), ...(length !== undefined && { 'content-length': length }) }
        const answer = await app.inject({ method, url: url('/brief/1'), headers })
        t.equal(answer.statusCode, 200, `${method} ${type}, length ${length}`)
        t.strictSame(answer.json(), { names: ['parm_1'], isBody: false }, `${method} ${type}, length ${length}`)
      }
    }
  }
})

t.test('nor is one that comes in chunks', async t => {
  const { app, url } = await start(t)
  t.strictSame(await chunked(app, url('/brief/1'), 'application/json', ['{ "a"', ': 1 }']), { status: 200, body: { names: ['a', 'parm_1'], isBody: true } })
  for (const type of types) {
    t.strictSame(await chunked(app, url('/brief/1'), type, []), { status: 200, body: { names: ['parm_1'], isBody: false } }, String(type))
  }
})

t.test('headers that a hook of the host added stay when there is no payload', async t => {
  const { app, url } = await start(t, {
    files: { 'one.ts': moduleSource({ seen: "{ method: 'POST' }, (args, { headers }) => headers['x-added'] ?? null" }) },
    before: app => app.addHook('onRequest', async request => { request.headers = { 'x-added': 'yes' } })
  })
  t.equal((await app.inject({ method: 'POST', url: url('/seen') })).json(), 'yes')
  t.equal((await app.inject({ method: 'POST', url: url('/seen'), headers: { 'content-type': 'application/json' } })).json(), 'yes')
})

t.test('malformed JSON is a 400', async t => {
  const { post } = await start(t)
  for (const payload of ['{', '{ "a": }', 'nonsense', "{ 'a': 1 }", '{ "a": 1 } x', ' ', '\u0000', '{"a":1,}']) {
    t.match((await post('/echo', payload)).json(), { statusCode: 400, error: 'Bad Request' }, payload)
  }
})

t.test('what is no JSON object is in `body` only', async t => {
  const { post } = await start(t)
  for (const payload of ['[1, { "a": 2 }]', '[]', '"text"', '""', '5', '0', 'true', 'false', 'null']) {
    const answer = await post('/echo/1?a=b', payload)
    t.equal(answer.statusCode, 200, payload)
    t.strictSame(answer.json().args, { parm_1: '1', a: 'b' }, payload)
    t.strictSame(answer.json().body, JSON.parse(payload), payload)
  }
  t.strictSame((await post('/echo/1', 'some text', 'text/plain')).json(), { args: { parm_1: '1' }, body: 'some text', params: { parm_1: '1' }, query: {} })
})

t.test('other content types follow the host\'s parsers', async t => {
  const { post } = await start(t, {
    before: app => {
      app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' },
        (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(body as string))))
      app.addContentTypeParser('application/vnd.api+json', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'))
      app.addContentTypeParser('application/x-bytes', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    }
  })
  t.strictSame((await post('/echo/1', 'a=1&parm_1=2&constructor=3', 'application/x-www-form-urlencoded')).json().args, { a: '1', parm_1: '1' })
  t.strictSame((await post('/echo/1', '{ "a": 1 }', 'application/vnd.api+json')).json().args, { a: 1, parm_1: '1' })
  const bytes = (await post('/echo/1', 'abc', 'application/x-bytes')).json()
  t.strictSame(bytes.args, { parm_1: '1' }, 'a Buffer is no JSON object')
  t.match(bytes.body, { type: 'Buffer' })
  t.match((await post('/echo', 'a: 1', 'application/yaml')).json(), { statusCode: 415, code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE' })
})

t.test('arguments that do not fit the schema are Fastify\'s 400', async t => {
  const seen: Array<{ code: unknown, validation: unknown, validationContext: unknown }> = []
  const { call } = await start(t, {
    before: app => app.setErrorHandler((error: Error & { code?: string, validation?: unknown, validationContext?: string }, _request, reply) => {
      const { code, validation, validationContext } = error
      seen.push({ code, validation, validationContext })
      return reply.send(error)
    })
  })
  const answer = await call('GET', '/typed/x')
  t.equal(answer.statusCode, 400)
  t.strictSame(answer.json(), { statusCode: 400, code: 'FST_ERR_VALIDATION', error: 'Bad Request', message: 'args/id must be integer' })
  t.match(seen, [{
    code: 'FST_ERR_VALIDATION',
    validation: [{ keyword: 'type', instancePath: '/id', schemaPath: '#/properties/id/type', params: { type: 'integer' }, message: 'must be integer' }],
    validationContext: 'args'
  }])
  for (const [path, payload, message] of [
    ['/typed', {}, /required property 'id'/],
    ['/typed/0', {}, /args\/id must be >= 1/],
    ['/typed/1?flag=maybe', {}, /args\/flag must be boolean/],
    ['/typed/1', { tags: [{}] }, /args\/tags\/0 must be string/],
    ['/typed/1', { nested: { list: ['x'] } }, /args\/nested\/list\/0 must be integer/],
    ['/typed/1?nested=text', {}, /args\/nested must be object/]
  ] as const) {
    const { statusCode, message: text } = (await call('POST', path, payload)).json()
    t.equal(statusCode, 400, path)
    t.match(text, message, path)
  }
})

t.test('a payload that is too large is a 413', async t => {
  const { app, url, post } = await start(t, { fastify: { bodyLimit: 1000 } })
  t.match((await post('/echo', JSON.stringify({ a: 'x'.repeat(1000) }))).json(), { statusCode: 413, code: 'FST_ERR_CTP_BODY_TOO_LARGE' })
  t.match(await chunked(app, url('/echo'), 'application/json', [`{ "a": "${'x'.repeat(1000)}`, '" }']), { status: 413 })
  t.equal((await post('/echo', JSON.stringify({ a: 'x'.repeat(900) }))).statusCode, 200)
})

t.test('a payload that is very deep does no harm', async t => {
  const { post } = await start(t)
  const depth = 100_000
  const objects = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
  for (const payload of [objects, `{ "a": ${'['.repeat(depth)}${']'.repeat(depth)} }`, `{ "constructor": ${objects} }`, `{ "__map__": ${objects} }`,
    `{ "__map__": { "parm_1": ${objects} } }`, `{ "x": ${objects}, "__proto__": 1 }`]) {
    for (const path of ['/brief/1', '/tree/1', '/closed/1', '/typed/1']) {
      const { statusCode } = await post(path, payload)
      // Where the endpoint itself cannot write the answer down, that is a 500 of its own making.
      t.ok(statusCode === 200 || statusCode === 400 || (path !== '/brief/1' && path !== '/tree/1' && statusCode === 500), `${path} ${payload.slice(0, 30)}: ${statusCode}`)
    }
  }
  t.strictSame((await post('/echo/1', '{ "a": 1 }')).json().args, { a: 1, parm_1: '1' }, 'still served')
})

t.test('the context tells all about the call', async t => {
  const { app, url } = await start(t, {
    fastify: { genReqId: () => 'request-1' },
    files: {
      'one.ts': moduleSource({
        seen: `{ api: 'look', method: 'POST', params: ['name'] }, (args, context) => ({
          method: context.method, path: context.path, header: context.headers['x-a'], query: context.query, params: context.params, body: context.body,
          owner: context.owner, module: context.module, api: context.api, requestId: context.requestId, log: typeof context.log.info,
          env: context.env === process.env || context.env.PATH === process.env.PATH, signal: context.signal instanceof AbortSignal && !context.signal.aborted,
          app: context.app.fromTheHost, request: context.request.fromTheHost
        })`
      }, "export const __alias__ = 'v1'")
    },
    before: app => {
      app.decorate('fromTheHost', 'decorated')
      app.decorateRequest('fromTheHost', 'request')
    }
  })
  const answer = await app.inject({ method: 'POST', url: url('/v1/look/a%20b/?c=d&c=e'), headers: { 'x-a': 'yes' }, payload: { f: 1, __map__: { name: 'renamed' } } })
  t.strictSame(answer.json(), {
    method: 'POST',
    path: '/rest/services/v1/look/a%20b/',
    header: 'yes',
    query: { c: ['d', 'e'] },
    params: { renamed: 'a b' },
    body: { f: 1 },
    owner: 'local',
    module: 'one',
    api: 'look',
    requestId: 'request-1',
    log: 'function',
    env: true,
    signal: true,
    app: 'decorated',
    request: 'request'
  })
})

t.test('the host\'s preHandler hooks see the request as it was sent', async t => {
  const bodies: unknown[] = []
  const { call } = await start(t, { before: app => app.addHook('preHandler', async request => { bodies.push(structuredClone(request.body)) }) })
  await call('POST', '/typed/1', { name: 5 })
  t.strictSame(bodies, [{ name: 5 }])
})
