import { execFile } from 'node:child_process'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import microservices from '../lib/index.ts'
import { build, moduleSource } from './helper.ts'

/** Generous: the machine may be busy with other tests. */
const WITHIN_MS = 20_000

const root = join(import.meta.dirname, '..')

/** What modules do, in order; and gates that their calls wait at. Modules share our process, so they find it. */
const state = { events: [] as string[], gates: new Map<string, PromiseWithResolvers<void>>(), app: undefined as unknown }
Object.assign(globalThis, { fmsLifecycle: state })
t.beforeEach(() => {
  state.events.length = 0
  state.gates.clear()
  state.app = undefined
})

function openGate (name: string): PromiseWithResolvers<void> {
  const gate = Promise.withResolvers<void>()
  state.gates.set(name, gate)
  return gate
}

async function until (condition: () => unknown, what: string): Promise<void> {
  const end = Date.now() + WITHIN_MS
  while (!condition()) {
    if (Date.now() > end) throw new Error(`did not happen within ${WITHIN_MS / 1000} s: ${what}`)
    await delay(10)
  }
}

/** A module that writes down its life. `slow` waits at the gate of the version's name. */
function living (name: string, { start = '', close = '', more = '' } = {}): string {
  return moduleSource({
    name: `{}, () => '${name}'`,
    slow: `{ method: 'GET|POST' }, async () => {
      state.events.push('call ${name}')
      await state.gates.get('${name}')?.promise
      state.events.push('answer ${name}')
      return '${name}'
    }`
  }, `
    const state = globalThis.fmsLifecycle
    export async function __start__ (app) { state.app = app; state.events.push('start ${name}'); ${start} }
    export async function __close__ () { state.events.push('close ${name}'); ${close} }
    ${more}`)
}

t.test('`__start__` runs once, with the app, before the first request', async t => {
  const { app, url, directory } = await build(t, {
    files: { 'demo.ts': living('one') },
    after: () => { t.same(state.events, [], 'not before the app gets ready') }
  })
  t.same(state.events, ['start one'])
  t.ok(state.app === app, 'the app that the plugin was registered on')
  t.equal((await app.inject(url('/name'))).json(), 'one')
  await app.inject(url('/slow'))

  writeFileSync(join(directory, 'demo.ts'), living('one'))
  writeFileSync(join(directory, 'neighbour.ts'), moduleSource({ other: '{}, () => 1' }))
  await app.microservices.refresh()
  await app.microservices.refresh()
  t.same(state.events, ['start one', 'call one', 'answer one'], 'an unchanged module is left alone')
  await app.close()
  t.same(state.events, ['start one', 'call one', 'answer one', 'close one'])
})

t.test('`__start__` runs once, however many refreshes are asked for meanwhile', async t => {
  const gate = openGate('starting')
  const app = Fastify()
  t.teardown(() => app.close())
  const directory = t.testdir({ 'demo.ts': living('one', { start: "await state.gates.get('starting').promise" }) })
  await app.register(microservices, { plugins: [directory], watch: false, env: false })
  const refreshes = [app.microservices.refresh()]
  const ready = app.ready()
  await until(() => state.events.includes('start one'), 'the start begins')
  refreshes.push(app.microservices.refresh(), app.microservices.refresh())
  gate.resolve()
  await Promise.all([ready, ...refreshes])
  t.same(state.events, ['start one'])
  t.equal((await app.inject('/rest/services/name')).json(), 'one')
  await app.close()
  t.same(state.events, ['start one', 'close one'])
})

t.test('a module whose `__start__` fails is reported and not served; the others are', async t => {
  for (const [title, statement] of Object.entries({
    'an error': "throw new Error('no connection')",
    'no error': "throw 'no connection'",
    'a rejection': "await Promise.reject(new Error('no connection'))"
  })) {
    t.test(title, async t => {
      const { app, url, directory } = await build(t, {
        files: { 'bad.ts': living('bad', { start: statement }), 'good.ts': moduleSource({ other: '{}, () => 1' }) }
      })
      t.equal((await app.inject(url('/name'))).statusCode, 404)
      t.equal((await app.inject(url('/other'))).statusCode, 200)
      t.match(app.microservices.directory(), {
        modules: [{ name: 'good' }],
        problems: [{ code: 'FMS_ERR_MODULE', file: join(directory, 'bad.ts'), message: /__start__.*no connection/ }]
      })
      writeFileSync(join(directory, 'bad.ts'), living('mended'))
      await app.microservices.refresh()
      t.equal((await app.inject(url('/name'))).json(), 'mended')
      t.same(app.microservices.directory().problems, [])
      await app.close()
      t.same(state.events, ['start bad', 'start mended', 'close mended'], 'what did not start is not closed')
    })
  }
})

t.test('`__start__` and `__close__` that are no functions refuse the module', async t => {
  const { app } = await build(t, { files: { 'a.ts': "export const __start__ = 'now'", 'b.ts': 'export const __close__ = 5' } })
  t.match(app.microservices.directory(), {
    modules: [],
    problems: [{ code: 'FMS_ERR_MODULE', message: /__start__: expected a function/ }, { code: 'FMS_ERR_MODULE', message: /__close__: expected a function/ }]
  })
})

t.test('a new version whose `__start__` fails leaves the last good one in place', async t => {
  const { app, url, directory } = await build(t, { files: { 'demo.ts': living('one') } })
  writeFileSync(join(directory, 'demo.ts'), living('two', { start: "throw new Error('no connection')" }))
  await app.microservices.refresh()
  t.equal((await app.inject(url('/name'))).json(), 'one')
  t.match(app.microservices.directory(), { modules: [{ name: 'demo' }], problems: [{ code: 'FMS_ERR_MODULE', message: /no connection.*keeps serving/ }] })
  await app.close()
  t.same(state.events, ['start one', 'start two', 'close one'])
})

t.test('a lifecycle function that hangs holds up neither start nor close for ever', async t => {
  const hang = 'await new Promise(() => {})'
  const path = t.testdir({
    start: { 'bad.ts': living('bad', { start: hang }), 'good.ts': moduleSource({ other: '{}, () => 1' }) },
    close: { 'bad.ts': living('hanging', { close: hang }), 'good.ts': living('neighbour') }
  })
  const lines: string[] = []
  const logger = { level: 'error', stream: { write: (line: string) => { lines.push(line) } } }
  const closing = await build(t, { plugins: [join(path, 'close')], fastify: { logger } })
  // At once: each takes the whole of the deadline.
  const [{ app, url }] = await Promise.all([build(t, { plugins: [join(path, 'start')] }), closing.app.close()])
  t.equal((await app.inject(url('/name'))).statusCode, 404)
  t.equal((await app.inject(url('/other'))).statusCode, 200)
  t.match(app.microservices.directory().problems, [{ code: 'FMS_ERR_MODULE', file: join(path, 'start/bad.ts'), message: /__start__.*within/ }])
  t.same(state.events.filter(event => event.startsWith('close')).sort(), ['close hanging', 'close neighbour'])
  t.match(lines.join(''), /__close__ was not done within/)
})

t.test('a `__start__` that hangs does not stop a host that waits less for its plugins', async t => {
  const { app, url } = await build(t, {
    files: { 'bad.ts': living('bad', { start: 'await new Promise(() => {})' }), 'good.ts': moduleSource({ other: '{}, () => 1' }) },
    fastify: { pluginTimeout: 3000 }
  })
  t.equal((await app.inject(url('/other'))).statusCode, 200)
  t.match(app.microservices.directory().problems, [{ code: 'FMS_ERR_MODULE', message: /__start__/ }])
})

t.test('`__close__` of a replaced version waits for the calls that it serves', async t => {
  const { app, url, directory } = await build(t, { files: { 'demo.ts': living('one') } })
  const gate = openGate('one')
  const calls = [app.inject(url('/slow')), app.inject({ method: 'POST', url: url('/slow'), payload: {} })].map(call => call.then(answer => answer.json()))
  await until(() => state.events.filter(event => event === 'call one').length === 2, 'the calls begin')

  writeFileSync(join(directory, 'demo.ts'), living('two'))
  await app.microservices.refresh()
  t.equal((await app.inject(url('/name'))).json(), 'two')
  await delay(50)
  t.same(state.events, ['start one', 'call one', 'call one', 'start two'])
  gate.resolve()
  t.same(await Promise.all(calls), ['one', 'one'])
  await until(() => state.events.includes('close one'), 'the replaced version is closed')
  t.same(state.events, ['start one', 'call one', 'call one', 'start two', 'answer one', 'answer one', 'close one'])
})

t.test('`__close__` of a module that is deleted, or renamed, runs, also after calls that failed', async t => {
  const { app, url, directory } = await build(t, {
    files: { 'a.ts': living('a', { more: "export const fails = endpoint({}, () => fail(409, 'no'))\nexport const none = endpoint({ method: 'POST', args: Type.Object({ a: Type.Integer() }) }, () => 1)" }) }
  })
  t.equal((await app.inject(url('/fails'))).statusCode, 409)
  t.equal((await app.inject({ method: 'POST', url: url('/none'), payload: {} })).statusCode, 400)
  t.equal((await app.inject({ method: 'POST', url: url('/none'), headers: { 'content-type': 'application/json' }, payload: '{' })).statusCode, 400)
  t.equal((await app.inject({ method: 'HEAD', url: url('/name') })).statusCode, 200)
  renameSync(join(directory, 'a.ts'), join(directory, 'b.ts'))
  await app.microservices.refresh()
  await until(() => state.events.includes('close a'), 'the renamed module is closed')
  t.same([...state.events].sort(), ['close a', 'start a', 'start a'])
  rmSync(join(directory, 'b.ts'))
  await app.microservices.refresh()
  await until(() => state.events.filter(event => event === 'close a').length === 2, 'the deleted module is closed')
})

t.test('a `__close__` that fails is logged, and stops nothing', async t => {
  const lines: string[] = []
  const logger = { level: 'error', stream: { write: (line: string) => { lines.push(line) } } }
  const { app } = await build(t, { files: { 'demo.ts': living('one', { close: "throw new Error('still in use')" }) }, fastify: { logger } })
  await app.close()
  t.match(lines.map(line => JSON.parse(line)), [{ err: { message: 'still in use' }, module: 'demo', msg: /__close__ failed/ }])
})

t.test('the close of the app', async t => {
  t.test('lets calls finish, then closes modules', async t => {
    const { app, url } = await build(t, { files: { 'demo.ts': living('one') } })
    const base = await app.listen({ port: 0, host: '127.0.0.1' })
    const gate = openGate('one')
    // A connection that is kept alive would keep the server from closing for as long as its keepAliveTimeout.
    const call = fetch(base + url('/slow'), { headers: { connection: 'close' } })
    await until(() => state.events.includes('call one'), 'the call begins')
    const closing = app.close()
    await delay(50)
    t.same(state.events, ['start one', 'call one'])
    gate.resolve()
    t.equal(await (await call).json(), 'one')
    await closing
    t.same(state.events, ['start one', 'call one', 'answer one', 'close one'])
  })

  t.test('may be asked for twice, and leaves a refresh nothing to do', async t => {
    const { app, directory } = await build(t, { files: { 'demo.ts': living('one') } })
    await Promise.all([app.close(), app.close()])
    writeFileSync(join(directory, 'demo.ts'), living('two'))
    await app.microservices.refresh()
    t.same(state.events, ['start one', 'close one'])
  })

  t.test('waits for a start that is under way, and closes what it started', async t => {
    const { app, directory } = await build(t, { files: { 'demo.ts': living('one') } })
    const gate = openGate('starting')
    writeFileSync(join(directory, 'demo.ts'), living('two', { start: "await state.gates.get('starting').promise" }))
    const refresh = app.microservices.refresh()
    await until(() => state.events.includes('start two'), 'the start begins')
    const closing = app.close()
    gate.resolve()
    await Promise.all([refresh, closing])
    const started = state.events.filter(event => event.startsWith('start')).map(event => event.slice(6))
    const closed = state.events.filter(event => event.startsWith('close')).map(event => event.slice(6))
    t.same(closed.sort(), started.sort())
  })

  t.test('of an app that never got ready starts and closes no module', async t => {
    for (const wait of [true, false]) {
      const app = Fastify()
      const registered = app.register(microservices, { plugins: [t.testdir({ 'demo.ts': living('one') })], watch: 'events', env: false })
      if (wait) await registered
      await app.close()
      t.notOk(state.events.includes('start one') && !state.events.includes('close one'))
    }
  })

  t.test('after another plugin kept the app from getting ready closes what had started', async t => {
    const app = Fastify()
    await app.register(microservices, { plugins: [t.testdir({ 'demo.ts': living('one') })], watch: 'events', env: false })
    app.addHook('onReady', async () => { throw new Error('not today') })
    await t.rejects(async () => await app.ready(), { message: 'not today' })
    await app.close()
    t.same(state.events, ['start one', 'close one'])
  })

  t.test('of one app leaves another in the process alone', async t => {
    const directories = t.testdir({ a: { 'demo.ts': living('a') }, b: { 'demo.ts': living('b') } })
    const [a, b] = await Promise.all(['a', 'b'].map(async name => {
      const app = Fastify()
      t.teardown(() => app.close())
      await app.register(microservices, { plugins: [join(directories, name)], watch: false, env: false })
      await app.ready()
      return app
    })) as [FastifyInstance, FastifyInstance]
    await a.close()
    writeFileSync(join(directories, 'b/demo.ts'), living('b2'))
    await b.microservices.refresh()
    t.equal((await b.inject('/rest/services/name')).json(), 'b2')
  })
})

t.test('the process', async t => {
  /** Runs `body`, which has `Fastify`, `microservices` and `directory`; then tells what is still open, and ends by itself or not. */
  const run = async (t: Test, body: string) => {
    const cwd = t.testdir({
      plugins: {
        'demo.ts': moduleSource({
          hello: "{ args: Type.Object({ name: Type.Optional(Type.String()) }), returns: Type.Object({ hello: Type.String() }) }, () => ({ hello: 'world' })",
          quick: '{ timeoutSecs: 60 }, () => 1',
          program: "{ run: [process.execPath, '-e', 'console.log(1)'] }"
        }).replace('program = endpoint', 'program = command')
      },
      'main.ts': `
        import { readFileSync } from 'node:fs'
        import { createRequire } from 'node:module'
        const Fastify = createRequire(${JSON.stringify(join(root, 'package.json'))})('fastify')
        const { default: microservices } = await import(${JSON.stringify(join(root, 'lib/index.ts'))})
        const directory = import.meta.dirname + '/plugins'
        const before = process.getActiveResourcesInfo().sort().join()
        ${body}
        const children = () => {
          try {
            return readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').trim()
          } catch {
            return ''
          }
        }
        // The system takes a moment to tell of the end of a process.
        const end = Date.now() + 10_000
        const open = () => process.getActiveResourcesInfo().sort().join()
        while ((open() !== before || children() !== '') && Date.now() < end) await new Promise(resolve => setTimeout(resolve, 20))
        console.log(JSON.stringify({ before, open: open(), children: children() }))`
    })
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['main.ts'], { cwd, timeout: WITHIN_MS * 2, killSignal: 'SIGKILL' })
    t.equal(stderr, '')
    const { before, open, children } = JSON.parse(stdout.trim().split('\n').at(-1) as string) as Record<string, string>
    t.equal(open, before, 'nothing is open')
    t.equal(children, '', 'no child process is left')
  }

  for (const watch of ["'events'", "'poll'", 'false']) {
    t.test(`ends by itself after the app closed, with watch: ${watch}`, async t => {
      await run(t, `
        const app = Fastify()
        await app.register(microservices, { plugins: [directory], watch: ${watch}, env: false })
        await app.listen({ port: 0, host: '127.0.0.1' })
        for (const path of ['hello', 'quick', 'program']) {
          const { statusCode } = await app.inject('/rest/services/' + path)
          if (statusCode !== 200) throw new Error(path + ' ' + statusCode)
        }
        await app.microservices.refresh()
        await app.close()`)
    })
  }

  t.test('ends by itself after a registration with wrong options', async t => {
    await run(t, `
      const app = Fastify()
      const problem = await app.register(microservices, { plugins: [directory], NUM_URL_PARMS: -1 }).then(() => 'none', error => error.code)
      if (problem !== 'FMS_ERR_OPTIONS') throw new Error(problem)`)
  })

  t.test('ends by itself after a second registration with the same prefix', async t => {
    await run(t, `
      const app = Fastify()
      await app.register(microservices, { plugins: [directory] })
      const problem = await app.register(microservices, { plugins: [directory] }).then(() => 'none', error => error.code)
      if (problem !== 'FMS_ERR_OPTIONS') throw new Error(problem)
      await app.close()`)
  })

  t.test('ends by itself when the app closes without having got ready', async t => {
    await run(t, `
      const app = Fastify()
      await app.register(microservices, { plugins: [directory] })
      await app.close()
      const other = Fastify()
      other.register(microservices, { plugins: [directory] })
      await other.close()`)
  })
})
