import { Writable } from 'node:stream'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { build, type BuildOptions, moduleSource } from '../helper.ts'

interface Entry { level: number, msg: string, err?: { type: string, message: string, stack: string }, module?: string, api?: string, function?: string, version?: string, owner?: string, reqId?: string }

async function start (t: Test, endpoints: Record<string, string>, { more = '', file = 'one.ts', ...options }: BuildOptions & { more?: string, file?: string } = {}) {
  const entries: Entry[] = []
  const stream = new Writable({
    write (chunk: Buffer, _encoding, done) {
      entries.push(...chunk.toString().trim().split('\n').map(line => JSON.parse(line) as Entry))
      done()
    }
  })
  const { app, url } = await build(t, { files: { [file]: moduleSource(endpoints, more) }, fastify: { logger: { level: 'error', stream } }, ...options })
  t.strictSame(app.microservices.directory().problems, [])
  const get = async (path: string) => {
    entries.length = 0
    return await app.inject(url(`/${path}`))
  }
  return { app, url, get, entries }
}

/** Endpoints named e0, e1, … of what each throws. */
const throwing = (expressions: readonly string[]) => Object.fromEntries(expressions.map((expression, i) => [`e${i}`, `{}, () => { throw ${expression} }`]))

const concealed = (code = 'FMS_ERR_FUNCTION') => ({ statusCode: 500, code, error: 'Internal Server Error', message: 'Internal Server Error' })

t.test('a status of 400 to 499 is answered, with the message', async t => {
  const cases: ReadonlyArray<[expression: string, body: object]> = [
    ["Object.assign(new Error('no'), { statusCode: 400 })", { statusCode: 400, error: 'Bad Request', message: 'no' }],
    ["Object.assign(new Error('tea'), { statusCode: 418, code: 'E_TEA' })", { statusCode: 418, code: 'E_TEA', error: "I'm a Teapot", message: 'tea' }],
    ["Object.assign(new TypeError('last'), { statusCode: 499 })", { statusCode: 499, message: 'last' }],
    ["Object.freeze(Object.assign(new Error('frozen'), { statusCode: 409 }))", { statusCode: 409, error: 'Conflict', message: 'frozen' }],
    ["new (class extends Error { statusCode = 404; override name = 'Missing' })('gone')", { statusCode: 404, error: 'Not Found', message: 'gone' }],
    ["Object.assign(new Error('mine'), { statusCode: 404, code: 'FMS_ERR_CRASH' })", { statusCode: 404, error: 'Not Found', message: 'mine' }],
    ["Object.freeze(Object.assign(new Error('mine'), { statusCode: 404, code: 'FMS_ERR_X' }))", { statusCode: 404, error: 'Not Found', message: 'mine' }]
  ]
  const { get, entries } = await start(t, throwing(cases.map(([expression]) => expression)))
  for (const [i, [expression, body]] of cases.entries()) {
    const answer = await get(`e${i}`)
    t.match(answer.json(), body, expression)
    t.strictSame(answer.json().code, (body as { code?: string }).code, `${expression}: code`)
    t.equal(answer.statusCode, (body as { statusCode: number }).statusCode, expression)
    t.strictSame(entries, [], `${expression}: a client's mistake is no failure`)
  }
})

t.test('what is thrown need not be an Error to have a status', async t => {
  const { get } = await start(t, throwing(["{ statusCode: 404, message: 'gone' }", '{ statusCode: 403 }', "Object.assign(Object.create(null), { statusCode: 410, message: 'gone' })"]))
  for (const [i, status] of [404, 403, 410].entries()) {
    const answer = await get(`e${i}`)
    t.equal(answer.statusCode, status)
    t.match(answer.json(), { statusCode: status, message: String })
    t.notMatch(answer.body, /Object/, 'no text that nobody wrote')
  }
})

t.test('a status of 500 to 599 is answered, without the message', async t => {
  const { get, entries } = await start(t, throwing([500, 501, 503, 599].map(status => `Object.assign(new Error('secret'), { statusCode: ${status}, code: 'FMS_ERR_TIMEOUT' })`)))
  for (const [i, [status, text]] of ([[500, 'Internal Server Error'], [501, 'Not Implemented'], [503, 'Service Unavailable'], [599, String]] as const).entries()) {
    const answer = await get(`e${i}`)
    t.equal(answer.statusCode, status)
    t.match(answer.json(), { statusCode: status, code: 'FMS_ERR_FUNCTION', message: text })
    t.notMatch(answer.body, /secret|TIMEOUT/)
    t.match(entries[0], { err: { message: 'secret' } })
  }
})

t.test('any other throw is a 500, without the message', async t => {
  const expressions = [
    "new Error('secret')", "'secret'", "''", 'undefined', 'null', '5', '10n', 'true', "Symbol('secret')", "['secret']", "{ message: 'secret' }", '() => 1',
    'Object.create(null)', "{ toString () { throw new Error('secret') } }", "{ get statusCode () { throw new Error('secret') } }",
    ...['600', '399', '200', '0', '-1', '404.5', "'404'", 'NaN', 'null', '[404]', '{}', 'Infinity'].map(status => `Object.assign(new Error('secret'), { statusCode: ${status} })`),
    "Object.assign(new Error('secret'), { status: 404 })",
    "Object.freeze(new Error('secret'))",
    "Object.defineProperty(new Error('secret'), 'stack', { get () { throw new Error('secret stack') } })",
    "Object.defineProperty(new Error('secret'), 'message', { get () { throw new Error('secret message') } })",
    "Object.defineProperty(new Error('secret'), 'statusCode', { get () { throw new Error('secret status') } })",
    "Object.defineProperty(new Error('secret'), 'code', { get () { throw new Error('secret code') } })",
    "Object.defineProperty(Object.assign(new Error('secret'), { statusCode: 599 }), 'code', { get () { throw new Error('secret code') } })",
    "Object.assign(new Error('secret'), { stack: 5 })", "Object.assign(new Error('secret'), { stack: undefined })", "Object.assign(new Error('secret'), { message: { a: 1 } })",
    "new Error('secret', { cause: new Error('deeper secret') })",
    "new AggregateError([new Error('secret')], 'secret')",
    "new Proxy(new Error('secret'), { get () { throw new Error('secret trap') } })",
    "(() => { const e = new Error('secret'); e.cause = e; return e })()",
    "new DOMException('secret', 'AbortError')",
    "Object.assign(new Error('secret'), { code: 'FMS_ERR_X' })", "Object.assign(new Error('secret'), { code: 'FST_ERR_VALIDATION', validation: [{ message: 'secret' }] })"
  ]
  const { app, url, get, entries } = await start(t, throwing(expressions))
  for (const [i, expression] of expressions.entries()) {
    const answer = await get(`e${i}`)
    t.equal(answer.statusCode, expression.includes('599') ? 599 : 500, expression)
    if (!expression.includes('599')) t.strictSame(answer.json(), concealed(), expression)
    t.notMatch(answer.body, /secret/, expression)
    t.ok(entries.some(({ module, api }) => module === 'one' && api === `e${i}`), `${expression}: logged`)
  }
  t.equal((await app.inject(url('/nope'))).statusCode, 404, 'still served')
})

t.test('it matters not how it is thrown', async t => {
  const endpoints = {
    sync: "{}, () => { throw new Error('secret') }",
    async: "{}, async () => { throw new Error('secret') }",
    rejected: "{}, () => Promise.reject(new Error('secret'))",
    thenable: "{}, () => ({ then (resolve: unknown, reject: (error: Error) => void) { reject(new Error('secret')) } })",
    returned: "{}, () => new Error('secret')",
    returnedLater: "{}, async () => Object.assign(new Error('secret'), { code: 'FMS_ERR_CRASH' })"
  }
  const { get, entries } = await start(t, endpoints)
  for (const name of Object.keys(endpoints)) {
    t.strictSame((await get(name)).json(), concealed(), name)
    t.match(entries[0], { module: 'one', api: name, err: { message: 'secret' } }, name)
  }
})

t.test('a returned error with a status is as a thrown one', async t => {
  const { get } = await start(t, { gone: "{}, () => Object.assign(new Error('gone'), { statusCode: 410 })" })
  t.strictSame((await get('gone')).json(), { statusCode: 410, error: 'Gone', message: 'gone' })
})

t.test('assert and fail', async t => {
  const { get, entries } = await start(t, {
    asserted: '{}, () => { assert(0); return 1 }',
    held: "{}, () => { assert('x', 404, 'never'); return 1 }",
    status: "{}, () => { assert(null, 404, 'no such thing') }",
    failed: "{}, () => fail(422, 'not like this')",
    nested: "{}, async () => { await null; [1].forEach(() => fail(409, 'taken')) }",
    server: "{}, () => fail(503, 'secret')",
    outside: "{}, () => fail(200, 'secret')"
  })
  t.strictSame((await get('asserted')).json(), { statusCode: 400, error: 'Bad Request', message: 'Assertion failed' })
  t.equal((await get('held')).json(), 1)
  t.strictSame((await get('status')).json(), { statusCode: 404, error: 'Not Found', message: 'no such thing' })
  t.strictSame((await get('failed')).json(), { statusCode: 422, error: 'Unprocessable Entity', message: 'not like this' })
  t.strictSame((await get('nested')).json(), { statusCode: 409, error: 'Conflict', message: 'taken' })
  t.strictSame((await get('server')).json(), { statusCode: 503, code: 'FMS_ERR_FUNCTION', error: 'Service Unavailable', message: 'Service Unavailable' })
  t.match(entries[0], { err: { message: 'secret' } })
  t.strictSame((await get('outside')).json(), concealed())
})

t.test('the log entry says who and where, by the source', async t => {
  // Types above and between are gone from what runs, so that positions there are others.
  const more = `interface A {
  a: string
}

type B = A | {
  b: number
}
function deep (value: B): never {
  const unused: A | undefined = undefined
  throw new Error('secret ' + typeof value + typeof unused)
}
`
  const { app, get, entries } = await start(t, { broken: "{ api: 'breaks' }, args => deep(args as never)" }, { more, file: 'thrower.ts' })
  t.strictSame((await get('breaks')).json(), concealed())
  const own = entries.filter(({ api }) => api === 'breaks')
  t.equal(own.length, 1, 'beside it, there is what Fastify says of each 500')
  const [entry] = own
  const { version, owner } = app.microservices.directory().modules[0]!
  t.match(entry, { level: 50, owner, version, module: 'thrower', api: 'breaks', function: 'broken', msg: 'secret objectundefined', reqId: /./, err: { type: 'Error', message: 'secret objectundefined' } })
  // Two lines of imports come first.
  const [, first, second] = entry?.err?.stack.split('\n') ?? []
  t.match(first, /deep .*thrower\.ts:12:9\)?$/)
  t.match(second, /thrower\.ts:15:\d+\)?$/)
})

t.test('the host\'s error handler is told all', async t => {
  const seen: Array<{ message: string, statusCode: unknown, code: unknown, cause: unknown }> = []
  const { get } = await start(t, {
    broken: "{}, () => { throw Object.assign(new Error('secret'), { code: 'E_MINE', detail: 1 }) }",
    text: "{}, () => { throw 'secret' }",
    missing: "{}, () => fail(404, 'gone')",
    unfit: "{ returns: Type.Object({ a: Type.Integer() }) }, () => ({ a: 'x' })"
  }, {
    before: app => app.setErrorHandler((error: Error & { statusCode?: number, code?: string }, _request, reply) => {
      const { message, statusCode, code, cause } = error
      seen.push({ message, statusCode, code, cause })
      return reply.code(statusCode ?? 500).send({ handled: message })
    })
  })
  t.match(await get('broken'), { statusCode: 500, body: '{"handled":"Internal Server Error"}' })
  t.match(seen.pop(), { statusCode: 500, code: 'FMS_ERR_FUNCTION', cause: { message: 'secret', code: 'E_MINE', detail: 1 } })
  await get('text')
  t.match(inspect(seen.pop()?.cause), /secret/)
  t.match(await get('missing'), { statusCode: 404, body: '{"handled":"gone"}' })
  t.match(await get('unfit'), { statusCode: 500, body: '{"handled":"Internal Server Error"}' })
  t.match(seen.pop(), { code: 'FMS_ERR_RETURNS', cause: { message: /returns\/a must be integer/ } })
  t.match(await get('nope'), { statusCode: 404, body: '{"handled":"nope is undefined for GET."}' })
})

t.test('headers of an error reach the client as Fastify sends them', async t => {
  const { app, url, get } = await start(t, {
    challenge: "{}, () => { throw Object.assign(new Error('who?'), { statusCode: 401, headers: { 'www-authenticate': 'Basic' } }) }",
    coded: "{}, () => { throw Object.assign(new Error('who?'), { statusCode: 401, code: 'FMS_ERR_X', headers: { 'www-authenticate': 'Basic' } }) }",
    own: "{ method: 'PUT' }, () => 1"
  })
  t.match(await get('challenge'), { statusCode: 401, headers: { 'www-authenticate': 'Basic', 'content-type': 'application/json; charset=utf-8' } })
  t.match(await get('coded'), { statusCode: 401, headers: { 'www-authenticate': 'Basic' } })
  t.match(await get('own'), { statusCode: 404, headers: { allow: 'PUT' } })
  t.match((await app.inject({ method: 'POST', url: url('/own') })).headers, { allow: 'PUT', 'content-type': 'application/json; charset=utf-8' })
})

t.test('one failing call leaves its neighbours alone', async t => {
  const { app, url } = await start(t, {
    broken: "{}, async () => { await null; throw new Error('secret') }",
    fine: '{}, async () => { await null; return 1 }'
  })
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => app.inject(url(i % 2 === 0 ? '/broken' : '/fine'))))
  t.strictSame(answers.map(({ statusCode }) => statusCode), Array.from({ length: 20 }, (_, i) => i % 2 === 0 ? 500 : 200))
})
