import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import t, { type Test } from 'tap'
import { build, type BuildOptions, moduleSource } from '../helper.ts'

interface Entry { msg: string, err?: { message: string, stack: string }, module?: string, api?: string }

/** Log entries of level error, in order. */
function errorLog () {
  const entries: Entry[] = []
  const stream = new Writable({
    write (chunk: Buffer, _encoding, done) {
      entries.push(...chunk.toString().trim().split('\n').map(line => JSON.parse(line) as Entry))
      done()
    }
  })
  return { entries, logger: { level: 'error', stream } }
}

async function start (t: Test, endpoints: Record<string, string>, { more = '', ...options }: BuildOptions & { more?: string } = {}) {
  const { entries, logger } = errorLog()
  const { app, url } = await build(t, { files: { 'one.ts': moduleSource(endpoints, more) }, fastify: { logger }, ...options })
  t.strictSame(app.microservices.directory().problems, [])
  const get = (path: string) => app.inject({ url: url(`/${path}`) })
  const head = (path: string) => app.inject({ method: 'HEAD', url: url(`/${path}`) })
  return { app, url, get, head, entries }
}

/** Each an expression of a module, and the JSON that it becomes. */
const values: ReadonlyArray<[name: string, expression: string, json: string]> = [
  ['text', "'text'", '"text"'],
  ['empty', "''", '""'],
  ['quoted', "'\"é\\u2028'", JSON.stringify('"é\u2028')],
  ['looksLikeJson', "'{}'", '"{}"'],
  ['integer', '42', '42'],
  ['zero', '0', '0'],
  ['float', '1.5', '1.5'],
  ['notANumber', 'NaN', 'null'],
  ['yes', 'true', 'true'],
  ['no', 'false', 'false'],
  ['nothing', 'null', 'null'],
  ['list', '[1, "a", null, [2], undefined]', '[1,"a",null,[2],null]'],
  ['emptyList', '[]', '[]'],
  ['object', '{ a: { b: [1] }, c: undefined, d: () => 1 }', '{"a":{"b":[1]}}'],
  ['emptyObject', '{}', '{}'],
  ['bare', 'Object.assign(Object.create(null), { a: 1 })', '{"a":1}'],
  ['date', 'new Date(0)', '"1970-01-01T00:00:00.000Z"'],
  ['nested', '{ at: new Date(0), price: { toJSON: () => ({ cents: 5 }) } }', '{"at":"1970-01-01T00:00:00.000Z","price":{"cents":5}}'],
  ['toJson', "{ toJSON: () => 'short' }", '"short"'],
  ['map', 'new Map([[1, 2]])', '{}'],
  ['promised', 'Promise.resolve([1])', '[1]']
]

const endpointsOf = (given: typeof values) => Object.fromEntries(given.map(([name, expression]) => [`value_${name}`, `{}, () => (${expression})`]))

t.test('JSON values are JSON, strings included', async t => {
  const { get, head } = await start(t, endpointsOf(values))
  for (const [name, , json] of values) {
    const answer = await get(`value_${name}`)
    t.equal(answer.statusCode, 200, name)
    t.equal(answer.body, json, name)
    t.equal(answer.headers['content-type'], 'application/json; charset=utf-8', name)
    t.equal((await head(`value_${name}`)).headers['content-length'], String(Buffer.byteLength(json)), `${name}: HEAD`)
  }
})

t.test('undefined is a 204', async t => {
  const { get, head } = await start(t, {
    nothing: '{}, () => undefined',
    later: '{}, async () => {}'
  })
  for (const name of ['nothing', 'later']) {
    const answer = await get(name)
    t.equal(answer.statusCode, 204, name)
    t.equal(answer.body, '', name)
    t.equal(answer.headers['content-type'], undefined, name)
    t.equal((await head(name)).statusCode, 204, `${name}: HEAD`)
  }
})

t.test('what is no JSON is a 500 whose reason is in the log', async t => {
  const { get, entries } = await start(t, {
    fn: '{}, () => () => 1',
    symbol: "{}, () => Symbol('secret')",
    bigint: '{}, () => 10n',
    nestedBigint: '{}, () => ({ a: 10n })',
    cyclic: '{}, () => { const a = { secret: 1 }; a.a = a; return a }',
    thrower: "{}, () => ({ toJSON () { throw new Error('secret') } })",
    nothing: '{}, () => ({ toJSON: () => undefined })',
    cyclicReturns: '{ returns: Type.Object({ b: Type.String() }) }, () => { const a = { secret: 1 }; a.a = a; return a }'
  })
  for (const name of ['fn', 'symbol', 'bigint', 'nestedBigint', 'cyclic', 'thrower', 'nothing', 'cyclicReturns']) {
    entries.length = 0
    const answer = await get(name)
    t.equal(answer.statusCode, 500, name)
    t.match(answer.json(), { statusCode: 500, code: /^FMS_ERR_(FUNCTION|RETURNS)$/, error: 'Internal Server Error', message: 'Internal Server Error' }, name)
    t.match(entries.find(({ api }) => api === name), { module: 'one', api: name, err: { message: /\w/ } }, `${name}: logged`)
  }
})

t.test('bytes are sent as they are', async t => {
  const { get, head } = await start(t, {
    buffer: "{}, () => Buffer.from('é')",
    bytes: '{}, () => new Uint8Array([0, 255, 10]).subarray(1)',
    empty: '{}, () => new Uint8Array()'
  })
  t.match(await get('buffer'), { statusCode: 200, body: 'é', headers: { 'content-type': 'application/octet-stream', 'content-length': '2' } })
  t.strictSame([...(await get('bytes')).rawPayload], [255, 10], 'only what a view shows')
  t.match(await get('empty'), { statusCode: 200, body: '' })
  t.match(await head('buffer'), { statusCode: 200, body: '', headers: { 'content-length': '2' } })
})

const streams = {
  readable: "{}, () => Readable.from(['a', 'b'])",
  generator: "{}, () => Readable.from((async function * () { yield 'a'; yield 'b' })())",
  web: "{}, () => new Blob(['ab']).stream()",
  webFrom: "{}, () => ReadableStream.from(['a', 'b'].map(text => new TextEncoder().encode(text)))",
  response: "{}, () => new Response(new Blob(['ab']).stream())"
}

t.test('streams are sent as they are', async t => {
  const { get } = await start(t, streams, { more: "import { Readable } from 'node:stream'" })
  for (const name of Object.keys(streams)) t.match(await get(name), { statusCode: 200, body: 'ab' }, name)
})

t.test('HEAD has no body, and ends the stream that would have been one', async t => {
  const ended: string[] = []
  const endless = `() => new ReadableStream({
    pull (controller) { controller.enqueue(new Uint8Array(10)) },
    cancel () { context.app.ended(context.api) }
  })`
  const { head } = await start(t, {
    readable: "{}, (args, context) => new Readable({ read () { this.push('x') }, destroy (error, done) { context.app.ended('readable'); done(error) } })",
    web: `{}, (args, context) => (${endless})()`,
    response: `{}, (args, context) => new Response((${endless})(), { status: 201, headers: { 'x-a': 'b' } })`,
    empty: "{}, () => new Response(null, { status: 202, headers: { 'x-a': 'c' } })",
    typed: "{}, () => new Response('text', { headers: { 'content-type': 'text/x-a' } })"
  }, { more: "import { Readable } from 'node:stream'", before: app => app.decorate('ended', (name: string) => { ended.push(name) }) })
  for (const name of ['readable', 'web']) {
    const { statusCode, body, headers } = await head(name)
    t.strictSame({ statusCode, body }, { statusCode: 200, body: '' }, name)
    t.strictSame([headers['content-length'], headers['content-type']], [undefined, undefined], `${name}: nothing is said of what is not known`)
  }
  t.match(await head('response'), { statusCode: 201, body: '', headers: { 'x-a': 'b' } })
  t.strictSame(ended, ['readable', 'web', 'response'])
  t.match(await head('empty'), { statusCode: 202, body: '', headers: { 'x-a': 'c' } })
  t.match(await head('typed'), { statusCode: 200, body: '', headers: { 'content-type': 'text/x-a' } })
})

t.test('a stream that fails before it gave anything is a 500, and tells the client nothing', async t => {
  const endpoints = {
    readable: "{}, () => new Readable({ read () { this.destroy(new Error('secret')) } })",
    generator: "{}, () => Readable.from((async function * () { throw new Error('secret') })())",
    web: "{}, () => new ReadableStream({ pull () { throw new Error('secret') } })",
    response: "{}, () => new Response(new ReadableStream({ pull () { throw new Error('secret') } }))",
    coded: "{}, () => new Readable({ read () { this.destroy(Object.assign(new Error('secret'), { code: 'FMS_ERR_CRASH' })) } })"
  }
  const { get, entries } = await start(t, endpoints, { more: "import { Readable } from 'node:stream'" })
  for (const name of Object.keys(endpoints)) {
    entries.length = 0
    const answer = await get(name)
    t.match(answer.json(), { statusCode: 500, code: 'FMS_ERR_FUNCTION', message: 'Internal Server Error' }, name)
    t.notMatch(answer.body, /secret/, `${name}: not leaked`)
    t.match(entries[0], { module: 'one', api: name, err: { message: 'secret' } }, `${name}: logged`)
  }
})

t.test('a stream that fails later breaks off, and does no more harm than that', async t => {
  const more = "import { Readable } from 'node:stream'"
  const { app, url, entries } = await start(t, {
    readable: "{}, () => Readable.from((async function * () { yield 'a'; await new Promise(resolve => setImmediate(resolve)); throw new Error('secret') })())",
    web: `{}, () => new ReadableStream({
      start (controller) { controller.enqueue(new TextEncoder().encode('a')) },
      async pull () { await new Promise(resolve => setTimeout(resolve, 50)); throw new Error('secret') }
    })`,
    fine: '{}, () => 1'
  }, { more })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  for (const name of ['readable', 'web']) {
    entries.length = 0
    const answer = await fetch(`http://127.0.0.1:${port}${url(`/${name}`)}`)
    t.equal(answer.status, 200, name)
    await t.rejects(answer.text(), `${name}: the client can tell that it is not all`)
    t.match(entries.find(({ api }) => api === name), { module: 'one', err: { message: 'secret' } }, `${name}: logged`)
  }
  t.equal(await (await fetch(`http://127.0.0.1:${port}${url('/fine')}`)).json(), 1)
})

t.test('a stream of what is neither text nor bytes is a 502', async t => {
  const endpoints = {
    numbers: '{}, () => Readable.from([1, 2])',
    objects: '{}, () => Readable.from([{ secret: 1 }])',
    web: '{}, () => ReadableStream.from([1, 2])',
    webObjects: '{}, () => ReadableStream.from([{ secret: 1 }])'
  }
  const { get, entries } = await start(t, endpoints, { more: "import { Readable } from 'node:stream'" })
  for (const name of Object.keys(endpoints)) {
    entries.length = 0
    t.strictSame((await get(name)).json(), { statusCode: 502, code: 'FMS_ERR_RESPONSE', error: 'Bad Gateway', message: 'Bad Gateway' }, name)
    t.match(entries.find(({ api }) => api === name), { err: { message: /stream of text or bytes/ } }, name)
  }
})

t.test('what merely looks like something that Fastify sends as it is, is JSON', async t => {
  const { get } = await start(t, {
    pipe: '{}, () => ({ a: 1, pipe () {} })',
    reader: '{}, () => ({ a: 1, getReader () {} })',
    buffer: '{}, () => ({ a: 1, buffer: new ArrayBuffer(2) })',
    declared: '{ returns: Type.Object({ a: Type.Integer() }) }, () => ({ a: 1, pipe () {}, buffer: new ArrayBuffer(2) })'
  })
  for (const [name, body] of [['pipe', '{"a":1}'], ['reader', '{"a":1}'], ['buffer', '{"a":1,"buffer":{}}'], ['declared', '{"a":1}']] as const) {
    const answer = await get(name)
    t.equal(answer.statusCode, 200, name)
    t.equal(answer.body, body, name)
    t.equal(answer.headers['content-type'], 'application/json; charset=utf-8', name)
  }
})

t.test('a Response gives status, headers and body', async t => {
  const { get, entries } = await start(t, {
    full: `{}, () => {
      const headers = new Headers({ 'content-type': 'text/html', 'x-a': 'b' })
      headers.append('set-cookie', 'a=1; Path=/')
      headers.append('set-cookie', 'b=2')
      return new Response('<p>', { status: 418, headers })
    }`,
    json: '{}, () => Response.json({ a: 1 }, { status: 201 })',
    none: '{}, () => new Response(null)',
    noContent: '{}, () => new Response(null, { status: 204 })',
    notModified: "{}, () => new Response(null, { status: 304, headers: { etag: '\"x\"' } })",
    redirect: "{}, () => Response.redirect('https://example.com/x', 303)",
    failing: "{}, () => new Response('it broke', { status: 503 })",
    typed: "{ returns: Type.Object({ a: Type.String() }) }, () => new Response('free')",
    later: "{}, async () => new Response('later')"
  })
  const full = await get('full')
  t.match(full, { statusCode: 418, body: '<p>', headers: { 'content-type': 'text/html', 'x-a': 'b' } })
  t.strictSame(full.headers['set-cookie'], ['a=1; Path=/', 'b=2'])
  t.match(await get('json'), { statusCode: 201, body: '{"a":1}', headers: { 'content-type': 'application/json' } })
  t.match(await get('none'), { statusCode: 200, body: '' })
  t.match(await get('noContent'), { statusCode: 204, body: '' })
  t.match(await get('notModified'), { statusCode: 304, body: '', headers: { etag: '"x"' } })
  t.match(await get('redirect'), { statusCode: 303, headers: { location: 'https://example.com/x' } })
  t.match(await get('failing'), { statusCode: 503, body: 'it broke' }, 'said on purpose, so it is no failure')
  t.match(await get('typed'), { statusCode: 200, body: 'free' }, '`returns` does not bind it')
  t.match(await get('later'), { body: 'later' })
  t.strictSame(entries, [])
})

t.test('a Response that cannot be sent is a 502', async t => {
  const endpoints = {
    used: "{}, async () => { const used = new Response('secret'); await used.text(); return used }",
    locked: "{}, () => { const locked = new Response('secret'); locked.body!.getReader(); return locked }",
    error: '{}, () => Response.error()'
  }
  const { get, entries } = await start(t, endpoints)
  for (const name of Object.keys(endpoints)) {
    entries.length = 0
    t.match((await get(name)).json(), { statusCode: 502, code: 'FMS_ERR_RESPONSE', error: 'Bad Gateway', message: 'Bad Gateway' }, name)
    t.match(entries[0], { api: name, err: { message: /Response/ } }, name)
  }
})

t.test('`returns` removes what is not declared', async t => {
  const value = "{ a: 1, secret: 2, inner: { b: 'x', secret: 3 }, list: [{ c: true, secret: 4 }] }"
  const inner = 'inner: Type.Object({ b: Type.String() }), list: Type.Array(Type.Object({ c: Type.Boolean() }))'
  const { get } = await start(t, {
    object: `{ returns: Type.Object({ a: Type.Integer(), ${inner} }) }, () => (${value})`,
    closed: `{ returns: Type.Object({ a: Type.Integer(), ${inner} }, { additionalProperties: false }) }, () => (${value})`,
    open: `{ returns: Type.Object({ a: Type.Integer() }, { additionalProperties: true }) }, () => (${value})`,
    typedRest: "{ returns: Type.Object({ a: Type.Integer() }, { additionalProperties: Type.String() }) }, () => ({ a: 1, b: 'x' })",
    record: '{ returns: Type.Record(Type.String(), Type.Object({ a: Type.Integer() })) }, () => ({ x: { a: 1, secret: 1 } })',
    list: '{ returns: Type.Array(Type.Object({ a: Type.Integer() })) }, () => [{ a: 1, secret: 1 }, { a: 2 }]',
    any: '{ returns: {} }, () => ({ a: [1, { b: 2 }] })',
    text: "{ returns: Type.String() }, () => 'x'",
    nullable: '{ returns: Type.Union([Type.Object({ a: Type.Integer() }), Type.Null()]) }, () => null',
    nullableSet: '{ returns: Type.Union([Type.Object({ a: Type.Integer() }), Type.Null()]) }, () => ({ a: 1, secret: 1 })',
    anyOf: "{ returns: Type.Union([Type.Object({ kind: Type.Literal('a'), a: Type.Integer() }), Type.Object({ kind: Type.Literal('b'), b: Type.Integer() })]) }, () => ({ kind: 'b', b: 1, a: 2, secret: 1 })",
    closedAnyOf: `{ returns: Type.Union([
      Type.Object({ a: Type.Integer() }, { additionalProperties: false }),
      Type.Object({ a: Type.Integer(), b: Type.Integer() }, { additionalProperties: false })
    ]) }, () => ({ a: 1, b: 2 })`,
    intersect: '{ returns: Type.Intersect([Type.Object({ a: Type.Integer() }), Type.Object({ b: Type.Integer() })]) }, () => ({ a: 1, b: 2, secret: 1 })',
    reference: "{ returns: { type: 'object', properties: { a: { $ref: '#/definitions/one' } }, definitions: { one: { type: 'object', properties: { b: { type: 'integer' } } } } } }, () => ({ a: { b: 1, secret: 1 } })",
    optional: '{ returns: Type.Object({ a: Type.Optional(Type.Integer()) }) }, () => ({ a: undefined, secret: 1 })',
    dates: "{ returns: Type.Object({ at: Type.String({ format: 'date-time' }), day: Type.String({ format: 'date' }) }) }, () => ({ at: new Date(0), day: '1970-01-01', secret: 1 })",
    date: "{ returns: Type.String({ format: 'date-time' }) }, () => new Date(0)",
    instance: '{ returns: Type.Object({ a: Type.Integer() }) }, () => new (class { a = 1; secret = 2 })()',
    toJson: '{ returns: Type.Object({ a: Type.Integer() }) }, () => ({ b: 1, toJSON: () => ({ a: 1, secret: 2 }) })'
  })
  const expected: Record<string, unknown> = {
    object: { a: 1, inner: { b: 'x' }, list: [{ c: true }] },
    closed: { a: 1, inner: { b: 'x' }, list: [{ c: true }] },
    open: { a: 1, secret: 2, inner: { b: 'x', secret: 3 }, list: [{ c: true, secret: 4 }] },
    typedRest: { a: 1, b: 'x' },
    record: { x: { a: 1 } },
    list: [{ a: 1 }, { a: 2 }],
    any: { a: [1, { b: 2 }] },
    text: 'x',
    nullable: null,
    nullableSet: { a: 1 },
    anyOf: { kind: 'b', b: 1 },
    closedAnyOf: { a: 1, b: 2 },
    intersect: { a: 1, b: 2 },
    reference: { a: { b: 1 } },
    optional: {},
    dates: { at: '1970-01-01T00:00:00.000Z', day: '1970-01-01' },
    date: '1970-01-01T00:00:00.000Z',
    instance: { a: 1 },
    toJson: { a: 1 }
  }
  for (const [name, value] of Object.entries(expected)) {
    const answer = await get(name)
    t.equal(answer.statusCode, 200, name)
    t.strictSame(answer.json(), value, name)
    t.equal(answer.headers['content-type'], 'application/json; charset=utf-8', name)
  }
})

t.test('a value that does not fit `returns` is a 500, never leaked', async t => {
  const schema = '{ returns: Type.Object({ a: Type.Integer({ minimum: 1 }), b: Type.Optional(Type.Array(Type.String())) }) }'
  const endpoints = {
    type: `${schema}, () => ({ a: 'secret' })`,
    notCoerced: `${schema}, () => ({ a: '1' })`,
    float: `${schema}, () => ({ a: 1.5 })`,
    range: `${schema}, () => ({ a: 0 })`,
    missing: `${schema}, () => ({})`,
    nested: `${schema}, () => ({ a: 1, b: ['x', 5] })`,
    none: `${schema}, () => null`,
    text: `${schema}, () => 'secret'`,
    list: `${schema}, () => []`,
    format: "{ returns: Type.String({ format: 'date-time' }) }, () => 'secret'",
    notDefaulted: '{ returns: Type.Object({ a: Type.Integer({ default: 1 }) }) }, () => ({})'
  }
  const { get, entries } = await start(t, endpoints)
  for (const name of Object.keys(endpoints)) {
    entries.length = 0
    const answer = await get(name)
    t.strictSame(answer.json(), { statusCode: 500, code: 'FMS_ERR_RETURNS', error: 'Internal Server Error', message: 'Internal Server Error' }, name)
    t.equal(answer.statusCode, 500, name)
    t.match(entries[0], { module: 'one', api: name, err: { message: /^the result does not fit: returns(\/\S+)? must / } }, `${name}: logged`)
  }
})

t.test('`envelope` wraps every value, and nothing else', async t => {
  const { get, head } = await start(t, {
    ...endpointsOf(values),
    nothing: '{}, () => undefined',
    returned: '{ returns: Type.Object({ a: Type.Integer() }) }, () => ({ a: 1, secret: 2 })',
    returnedText: '{ returns: Type.String() }, () => "x"',
    bytes: "{}, () => Buffer.from('raw')",
    stream: "{}, () => new Blob(['raw']).stream()",
    response: "{}, () => new Response('raw', { status: 201 })",
    failing: "{}, () => fail(404, 'no such thing')",
    broken: "{}, () => { throw new Error('secret') }"
  }, { envelope: true })
  for (const [name, , json] of values) {
    const answer = await get(`value_${name}`)
    t.equal(answer.body, `{"status":"OK","response":${json}}`, name)
    t.equal(answer.headers['content-type'], 'application/json; charset=utf-8', name)
    t.equal((await head(`value_${name}`)).headers['content-length'], String(Buffer.byteLength(answer.body)), name)
  }
  t.match((await get('nothing')).json(), { status: 'OK' })
  t.strictSame((await get('returned')).json(), { status: 'OK', response: { a: 1 } })
  t.strictSame((await get('returnedText')).json(), { status: 'OK', response: 'x' })
  for (const name of ['bytes', 'stream', 'response']) t.equal((await get(name)).body, 'raw', name)
  t.strictSame((await get('failing')).json(), { statusCode: 404, error: 'Not Found', message: 'no such thing' })
  t.match((await get('broken')).json(), { statusCode: 500, code: 'FMS_ERR_FUNCTION', message: 'Internal Server Error' })
})

t.test('hooks of the host see and may change what is sent', async t => {
  const { get } = await start(t, { object: '{}, () => ({ a: 1 })', text: "{}, () => 'x'", failing: '{}, () => ({ fail: true })' }, {
    before: app => {
      app.addHook('preSerialization', async (_request, _reply, payload) => {
        const seen = payload as { fail?: boolean }
        if (seen.fail) throw Object.assign(new Error('a hook refused'), { statusCode: 409 })
        return { ...seen, added: true }
      })
      app.addHook('onSend', async (_request, reply) => { reply.header('x-seen', 'yes') })
    }
  })
  t.match(await get('object'), { body: '{"a":1,"added":true}', headers: { 'x-seen': 'yes' } })
  t.match(await get('text'), { body: '"x"', headers: { 'x-seen': 'yes' } })
  t.match((await get('failing')).json(), { statusCode: 409, message: 'a hook refused' })
})
