import { EventEmitter, once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { build, type BuildOptions, moduleSource } from '../helper.ts'

const DEADLINE_MS = 15_000

async function within<T> (promise: Promise<T>): Promise<T> {
  const timer = new AbortController()
  try {
    return await Promise.race([promise, delay(DEADLINE_MS, undefined, { signal: timer.signal }).then(() => { throw new Error('it has not happened') })])
  } finally {
    timer.abort()
  }
}

async function until (condition: () => boolean): Promise<void> {
  await within((async () => { while (!condition()) await delay(20) })())
}

/** An app whose endpoints tell the test what happens to them, by `context.app.tell.emit()`. */
async function start (t: Test, endpoints: Record<string, string>, { more = '', ...options }: BuildOptions & { more?: string } = {}) {
  const tell = new EventEmitter()
  const entries: Array<{ api?: string, err?: { message: string }, program?: string, msg: string }> = []
  const stream = new Writable({
    write (chunk: Buffer, _encoding, done) {
      entries.push(...chunk.toString().trim().split('\n').map(line => JSON.parse(line)))
      done()
    }
  })
  const { app, url, directory } = await build(t, {
    files: { 'one.ts': moduleSource(endpoints, `import { Readable } from 'node:stream'\n${more}`) },
    before: app => app.decorate('tell', tell),
    fastify: { logger: { level: 'warn', stream } },
    ...options
  })
  t.strictSame(app.microservices.directory().problems, [])
  const get = (path: string) => within(app.inject(url(path)))
  return { app, url, directory, get, tell, entries }
}

/** Sends a request and leaves before the answer. */
async function visit (app: FastifyInstance, path: string, arrived: Promise<unknown>): Promise<void> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const sent = request({ port, host: '127.0.0.1', path, agent: false })
  sent.on('error', () => {})
  sent.end()
  await within(arrived)
  sent.destroy()
}

const late = { statusCode: 504, code: 'FMS_ERR_TIMEOUT', error: 'Gateway Timeout', message: 'Gateway Timeout' }

t.test('an endpoint that takes longer than its `timeoutSecs` is a 504, and its signal is aborted', async t => {
  const { get, tell, entries } = await start(t, {
    slow: "{ timeoutSecs: 0.05 }, (args, { signal, app }) => new Promise(() => { signal.addEventListener('abort', () => app.tell.emit('aborted', signal.reason)) })",
    deaf: '{ timeoutSecs: 0.05 }, () => new Promise(() => {})',
    failing: "{ timeoutSecs: 0.05 }, (args, { signal }) => new Promise((resolve, reject) => { signal.addEventListener('abort', () => reject(new Error('late'))) })",
    quick: '{ timeoutSecs: 60 }, () => 1',
    sync: "{ timeoutSecs: 60 }, () => { throw Object.assign(new Error('no'), { statusCode: 409 }) }"
  })
  const aborted = once(tell, 'aborted')
  const answer = await get('/slow')
  t.equal(answer.statusCode, 504)
  t.strictSame(answer.json(), late)
  const [reason] = await within(aborted)
  t.match(reason, { code: 'FMS_ERR_TIMEOUT', message: 'out of time: no result within 0.05 s' })
  t.match(entries.find(({ api }) => api === 'slow'), { err: { message: 'out of time: no result within 0.05 s' } })
  t.strictSame((await get('/deaf')).json(), late)
  t.strictSame((await get('/failing')).json(), late, 'however it ends then')
  t.equal((await get('/quick')).json(), 1)
  t.equal((await get('/sync')).statusCode, 409)
})

t.test('a signal is not aborted by an answer', async t => {
  const signals: AbortSignal[] = []
  const { app, url, get } = await start(t, { quick: '{ timeoutSecs: 60 }, (args, { signal, app }) => { app.keep(signal); return 1 }' }, {
    before: app => app.decorate('keep', (signal: AbortSignal) => { signals.push(signal) })
  })
  await get('/quick')
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  t.equal(await (await fetch(`http://127.0.0.1:${port}${url('/quick')}`)).json(), 1)
  await app.close()
  t.strictSame(signals.map(({ aborted }) => aborted), [false, false])
})

t.test('the limit counts until headers are sent: a stream that gives nothing is late', async t => {
  const endpoints = {
    readable: '{ timeoutSecs: 0.05 }, () => new Readable({ read () {} })',
    web: '{ timeoutSecs: 0.05 }, () => new ReadableStream({ pull: () => new Promise(() => {}) })',
    response: '{ timeoutSecs: 0.05 }, () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) }))',
    generator: '{ timeoutSecs: 0.05 }, () => Readable.from((async function * () { await new Promise(() => {}); yield 1 })())'
  }
  for (const [name, endpoint] of Object.entries(endpoints)) {
    await t.test(name, async t => {
      const { app, url } = await start(t, { [name]: endpoint })
      await app.listen({ port: 0, host: '127.0.0.1' })
      const { port } = app.server.address() as AddressInfo
      const answer = await fetch(`http://127.0.0.1:${port}${url(`/${name}`)}`, { signal: AbortSignal.timeout(DEADLINE_MS) })
      t.equal(answer.status, 504)
      t.strictSame(await answer.json(), late)
    })
  }
})

t.test('a stream that has begun may take its time', async t => {
  const { get } = await start(t, {
    slow: "{ timeoutSecs: 1 }, () => Readable.from((async function * () { yield 'a'; await new Promise(resolve => setTimeout(resolve, 1_200)); yield 'b' })())"
  })
  t.match(await get('/slow'), { statusCode: 200, body: 'ab' })
})

t.test('a client that leaves aborts the signal', async t => {
  const waiting = "(args, { signal, app }) => new Promise(() => { signal.addEventListener('abort', () => app.tell.emit('aborted', signal.reason)); app.tell.emit('arrived') })"
  for (const descriptor of ['{}', '{ timeoutSecs: 60 }']) {
    await t.test(descriptor, async t => {
      const { app, url, tell } = await start(t, { slow: `${descriptor}, ${waiting}` })
      const aborted = once(tell, 'aborted')
      await visit(app, url('/slow'), once(tell, 'arrived'))
      const [reason] = await within(aborted)
      t.match(reason, { name: 'AbortError' })
      t.equal((await app.inject(url('/nope'))).statusCode, 404, 'still served')
    })
  }
})

t.test('a client that leaves in the middle of a stream ends it', async t => {
  const { app, url, tell } = await start(t, {
    endless: `{}, (args, { app }) => new Readable({
      read () { app.tell.emit('arrived'); setImmediate(() => this.push('x')) },
      destroy (error, done) { app.tell.emit('ended'); done(error) }
    })`
  })
  const ended = once(tell, 'ended')
  await visit(app, url('/endless'), once(tell, 'arrived'))
  await t.resolves(within(ended))
})

const isGone = (pid: number) => {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}

/** A program that says where it is and then stays. */
const staying = "{ run: ['sh', '-c', 'echo $$ > pid.tmp && mv pid.tmp pid && exec sleep 60'], cwd: '.', method: 'GET|POST' }"
const commands = (programs: Record<string, string>) => Object.entries(programs).map(([name, descriptor]) => `export const ${name} = command(${descriptor})`).join('\n')

async function pidOf (directory: string): Promise<number> {
  await until(() => existsSync(join(directory, 'pid')))
  return Number(readFileSync(join(directory, 'pid'), 'utf8'))
}

t.test('a command that takes longer than MAX_FUNCTION_SECS is a 504, and gone', async t => {
  const { get, directory } = await start(t, {}, { more: commands({ stay: staying }), MAX_FUNCTION_SECS: 2 })
  t.strictSame((await get('/stay')).json(), late)
  const pid = await pidOf(directory)
  await until(() => isGone(pid))
  t.ok(isGone(pid))
})

t.test('its own `timeoutSecs` binds it where that is shorter, and never where it is longer', async t => {
  const { get } = await start(t, {}, { more: commands({ short: staying.replace('{', '{ timeoutSecs: 0.1,') }) })
  t.strictSame((await get('/short')).json(), late)
  const long = await start(t, {}, { more: commands({ long: staying.replace('{', '{ timeoutSecs: 3600,') }), MAX_FUNCTION_SECS: 0.1 })
  t.strictSame((await long.get('/long')).json(), late)
})

t.test('MAX_FUNCTION_SECS does not bind functions', async t => {
  const { get } = await start(t, { slow: '{}, () => new Promise(resolve => setTimeout(resolve, 300, 1))' }, { MAX_FUNCTION_SECS: 0.05 })
  t.equal((await get('/slow')).json(), 1)
})

t.test('a client that leaves kills the command', async t => {
  const { app, url, directory } = await start(t, {}, { more: commands({ stay: staying }) })
  await visit(app, url('/stay'), pidOf(directory))
  const pid = await pidOf(directory)
  await until(() => isGone(pid))
  t.ok(isGone(pid))
})

t.test('a command takes args on stdin and gives JSON on stdout', async t => {
  process.env['FMS_TEST_HIDDEN'] = 'secret'
  t.teardown(() => { delete process.env['FMS_TEST_HIDDEN'] })
  const { app, url, get } = await start(t, {}, {
    more: commands({
      cat: "{ api: 'echo', method: 'GET|POST', run: ['cat'], params: ['id'], args: Type.Object({ id: Type.Integer() }) }",
      strip: "{ run: ['cat'], method: 'POST', returns: Type.Object({ a: Type.Integer() }) }",
      unfit: "{ run: ['cat'], method: 'POST', returns: Type.Object({ a: Type.Integer() }) }",
      text: "{ run: ['echo', '\"text\"'] }",
      silent: "{ run: ['true'] }",
      noShell: "{ run: ['printf', '\"%s\"', '$PATH; echo `id` > x'] }",
      environment: "{ run: ['node', '-p', 'JSON.stringify({ env: process.env, cwd: process.cwd() })'], env: { X: 'y' } }"
    })
  })
  const post = async (path: string, payload: object) => (await within(app.inject({ method: 'POST', url: url(path), payload }))).json()
  t.strictSame((await get('/echo/5?a=b')).json(), { id: 5, a: 'b' })
  t.strictSame(await post('/echo/5', { c: ['é', null, { d: "'$(id)" }], __map__: { id: 'id' } }), { c: ['é', null, { d: "'$(id)" }], id: 5 })
  t.match((await get('/echo/x')).json(), { statusCode: 400, code: 'FST_ERR_VALIDATION' })
  t.strictSame(await post('/strip', { a: 1, b: 2 }), { a: 1 })
  t.match(await post('/unfit', { a: 'x' }), { statusCode: 500, code: 'FMS_ERR_RETURNS', message: 'Internal Server Error' })
  t.equal((await get('/text')).json(), 'text')
  t.equal((await get('/silent')).statusCode, 204)
  t.equal((await get('/noShell')).json(), '$PATH; echo `id` > x')
  const { env } = (await get('/environment')).json()
  // tap adds to the environment of whatever a test starts.
  t.strictSame(Object.keys(env).filter(name => !/^(PATH|NODE_OPTIONS|_TAPJS_.*|__CF.*)$/.test(name)), ['X'])
  t.equal(env.PATH, process.env['PATH'])
})

t.test('a command runs in the module\'s folder, or in `cwd` from there', async t => {
  const { get, directory } = await start(t, {}, {
    more: commands({ here: "{ run: ['node', '-p', 'JSON.stringify(process.cwd())'] }", below: "{ cwd: 'data', run: ['node', '-p', 'JSON.stringify(process.cwd())'] }" })
  })
  t.equal((await get('/here')).json(), directory)
  t.match((await get('/below')).json(), { statusCode: 502, code: 'FMS_ERR_CRASH' }, 'a folder that is not there')
  mkdirSync(join(directory, 'data'))
  t.equal((await get('/below')).json(), join(directory, 'data'))
})

t.test('a command that fails is a 502, and tells the client nothing', async t => {
  const programs = {
    exits: ["{ run: ['sh', '-c', 'echo secret >&2; exit 3'] }", 'FMS_ERR_CRASH', /exited with code 3.*secret/s],
    dies: ["{ run: ['sh', '-c', 'kill -9 $$'] }", 'FMS_ERR_CRASH', /killed by SIGKILL/],
    missing: "{ run: ['no-such-program-secret'] }",
    text: ["{ run: ['echo', 'secret'] }", 'FMS_ERR_RESPONSE', /secret/],
    half: ["{ run: ['printf', '{\"secret\":'] }", 'FMS_ERR_RESPONSE', /secret/],
    two: ["{ run: ['printf', '1 2'] }", 'FMS_ERR_RESPONSE', /1 2/],
    large: ["{ run: ['sh', '-c', 'yes secret'] }", 'FMS_ERR_RESPONSE', /more than 1048576 bytes/]
  } as const
  const { get, entries } = await start(t, {}, {
    more: commands(Object.fromEntries(Object.entries(programs).map(([name, program]) => [name, typeof program === 'string' ? program : program[0]])))
  })
  for (const [name, program] of Object.entries(programs)) {
    const [, code, message] = typeof program === 'string' ? ['', 'FMS_ERR_CRASH', /not found/] as const : program
    const answer = await get(`/${name}`)
    t.strictSame(answer.json(), { statusCode: 502, code, error: 'Bad Gateway', message: 'Bad Gateway' }, name)
    t.match(entries.find(({ api }) => api === name)?.err?.message, message, `${name}: logged`)
  }
  t.match(entries.find(({ program, msg }) => program === 'sh' && msg === 'secret'), Object, 'stderr goes to the log')
})

t.test('too many commands at once are a 429, and closing the app ends those that are', async t => {
  const { app, url } = await start(t, {}, { more: commands({ stay: "{ run: ['sleep', '60'] }" }) })
  // 16 run and 256 wait.
  const calls = Array.from({ length: 272 }, async () => await app.inject(url('/stay')))
  const answer = await within(app.inject(url('/stay')))
  t.equal(answer.statusCode, 429)
  t.match(answer.json(), { code: 'FMS_ERR_BUSY', error: 'Too Many Requests', message: /try again/ })
  t.match(answer.headers['retry-after'], /^\d+$/)
  await within(app.close())
  const statuses = (await within(Promise.all(calls))).map(({ statusCode }) => statusCode)
  t.strictSame(new Set(statuses), new Set([503]))
})

t.test('`authorize` decides on each call', async t => {
  const seen: unknown[] = []
  let decide = (): unknown => true
  const { app, url, get, entries } = await start(t, {
    guarded: "{ method: 'GET|POST', params: ['id'], args: Type.Object({ id: Type.Integer() }) }, () => 'in'",
    plain: "{ method: 'GET' }, () => 'in'"
  }, {
    more: "export const __alias__ = 'v1'",
    authorize: async (request, match) => {
      seen.push(match)
      t.equal(typeof request.headers, 'object')
      return decide()
    }
  })
  const match = (method: string, api: string, slugs: string[]) => ({ owner: 'local', module: 'one', api, method, slugs })
  for (const [path, expected] of [
    ['/guarded/5', match('GET', 'guarded', ['5'])],
    ['/one/guarded/5', match('GET', 'guarded', ['5'])],
    ['/v1/guarded/5/', match('GET', 'guarded', ['5'])],
    ['/plain/a/b', match('GET', 'plain', ['a', 'b'])],
    ['/v1/plain?x=y', match('GET', 'plain', [])]
  ] as const) {
    t.equal((await get(path)).json(), 'in', path)
    t.strictSame(seen.splice(0), [expected], path)
  }
  await app.inject({ method: 'HEAD', url: url('/plain') })
  t.strictSame(seen.splice(0), [match('HEAD', 'plain', [])])

  for (const value of [undefined, null, 0, '', 'no']) {
    decide = () => value
    t.equal((await get('/plain')).statusCode, 200, `${JSON.stringify(value)} is not false`)
  }
  decide = () => false
  for (const path of ['/guarded/5', '/guarded/not-a-number', '/guarded', '/one/guarded/5', '/v1/plain']) {
    t.match((await get(path)).json(), { statusCode: 403, code: 'FMS_ERR_FORBIDDEN', error: 'Forbidden' }, `${path}: before the arguments are looked at`)
  }
  const bad = await app.inject({ method: 'POST', url: url('/guarded/1'), payload: { __map__: 5 } })
  t.equal(bad.statusCode, 403)

  decide = () => { throw Object.assign(new Error('who are you?'), { statusCode: 401, headers: { 'www-authenticate': 'Basic' } }) }
  t.match(await get('/plain'), { statusCode: 401, headers: { 'www-authenticate': 'Basic' } })
  t.equal((await get('/plain')).json().message, 'who are you?')

  decide = () => { throw new Error('secret') }
  t.match((await get('/plain')).json(), { statusCode: 500, message: 'Internal Server Error' })
  t.match(entries.find(({ api }) => api === 'plain'), { err: { message: 'secret' } })

  decide = () => { throw Object.assign(new Error('secret'), { statusCode: 503 }) }
  t.match((await get('/plain')).json(), { statusCode: 503, message: 'Service Unavailable' })

  seen.length = 0
  for (const path of ['/nope', '/one/nope', '/plain/a.b', '/guarded/1/2', '/one']) t.equal((await get(path)).statusCode, 404, path)
  t.equal((await app.inject({ method: 'DELETE', url: url('/plain') })).statusCode, 404)
  t.strictSame(seen, [], 'not asked about what is unknown')
})

t.test('`authorize` may be a plain function, and guards what comes later as well', async t => {
  const { app, get, directory } = await start(t, {}, { authorize: (_request, { api }) => api === 'open' })
  writeFileSync(join(directory, 'two.ts'), moduleSource({ open: '{}, () => 1', shut: '{}, () => 1' }))
  await app.microservices.refresh()
  t.equal((await get('/open')).statusCode, 200)
  for (const path of ['/shut', '/shut/x', '/two/shut', '/two/shut/x']) t.equal((await get(path)).statusCode, 403, path)
})

t.test('a stream that nobody reads may fail without ending the app', async t => {
  const open = 'const open = ({ tell }) => createReadStream(\'/no/such/file\').once(\'close\', () => tell.emit(\'closed\'))'
  const { app, get, url, tell } = await start(t, {
    asked: '{}, (args, { app }) => open(app)',
    slow: "{ timeoutSecs: 0.05 }, async (args, { app }) => { await once(app.tell, 'go'); return open(app) }"
  }, { more: `import { once } from 'node:events'\nimport { createReadStream } from 'node:fs'\n${open}` })

  const closedByHead = once(tell, 'closed')
  t.equal((await app.inject({ method: 'HEAD', url: url('/asked') })).statusCode, 200, 'HEAD')
  await within(closedByHead)

  t.strictSame((await get('/slow')).json(), late, 'a stream that comes after the time limit')
  const closedByLimit = once(tell, 'closed')
  tell.emit('go')
  await within(closedByLimit)
  // An uncaught error would have failed this test.
  t.equal((await app.inject({ method: 'HEAD', url: url('/asked') })).statusCode, 200, 'still served')
})
