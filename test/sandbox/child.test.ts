import t from 'tap'
import { ToCell, ToHost, encodeFrame } from '../../lib/sandbox/protocol.ts'
import { Child } from './child.ts'

let child: Child

t.before(async () => { child = await Child.start(t) })

t.test('a function is called, and may wait', async t => {
  const id = child.load(`
    exports.hello = endpoint({}, ({ name = 'world' }) => ({ hello: name }))
    exports.later = endpoint({}, async ({ name }) => { await null; await new Promise(resolve => setTimeout(resolve, 5)); return { hello: name } })
    exports.thenable = endpoint({}, () => ({ then (resolve) { resolve(7) } }))
    exports.word = endpoint({}, () => 'wörd \\u{1F600}')
    exports.nothing = endpoint({}, async () => {})
    exports.nil = endpoint({}, () => null)
    exports.plain = () => 1
  `)
  t.strictSame(await child.call(id, 'hello'), { value: { hello: 'world' } })
  t.strictSame(await child.call(id, 'later', { query: { name: 'x' } }), { value: { hello: 'x' } })
  t.strictSame(await child.call(id, 'thenable'), { value: 7 })
  t.strictSame(await child.call(id, 'word'), { value: 'wörd \u{1F600}' })
  t.strictSame(await child.call(id, 'nothing'), { nothing: true })
  t.strictSame(await child.call(id, 'nil'), { value: null })
  t.match(await child.call(id, 'plain'), { error: { kind: 'thrown', message: 'the module has no endpoint "plain"' } })
  t.match(await child.call(id, 'toString'), { error: { kind: 'thrown' } })
  t.match(await child.call(id, '__proto__'), { error: { kind: 'thrown' } })
})

t.test('arguments are merged: payload, query, URL parameters, the later over the earlier', async t => {
  const id = child.load('exports.args = endpoint({}, args => [args, Object.getPrototypeOf(args) === Object.prototype])',
    { checks: '() => ({ listed: { takesArray: name => name === "a" } })' })
  const merged = async (call: object): Promise<unknown> => (await child.value(id, 'args', call) as unknown[])[0]
  t.strictSame(await child.value(id, 'args'), [{}, true])
  t.strictSame(await merged({ payload: { a: 1, b: 1, c: 1 }, query: { b: '2', c: '2' }, params: { c: '3' } }), { a: 1, b: '2', c: '3' })
  t.strictSame(await merged({ query: { a: ['1', '2'] } }), { a: '2' })
  t.strictSame(await merged({ payload: [1, 2] }), {})
  t.strictSame(await merged({ payload: 'text' }), {})
  t.strictSame(await merged({ payload: JSON.parse('{"__proto__":{"x":1},"constructor":1,"prototype":2,"__map__":{},"ok":1}') as unknown }), { ok: 1 })
  t.strictSame(await merged({ query: JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string> }), {})
})

t.test('checks coerce and refuse arguments, and check and cut results', async t => {
  const checks = `require => ({
    both: {
      args: Object.assign(function check (data) {
        if (typeof data.n === 'string') data.n = Number(data.n)
        check.errors = Number.isInteger(data.n) ? null : [{ instancePath: '/n', message: 'must be integer', keyword: 'type', params: { type: 'integer' } }]
        return check.errors === null
      }, { errors: null }),
      returns: value => {
        if (typeof value?.n !== 'number') throw Object.assign(new Error('no'), { validation: 'returns/n must be number' })
        return JSON.stringify({ n: value.n })
      },
      takesArray: name => name === 'list'
    },
    deep: { args: function deep (data) { return deep(data) } }
  })`
  const id = child.load(`
    exports.both = endpoint({}, ({ n, list }) => ({ n: n + 1, list, secret: 1 }))
    exports.deep = endpoint({}, () => 1)
  `, { checks })
  t.strictSame(await child.call(id, 'both', { query: { n: '41' } }), { value: { n: 42 } })
  t.strictSame(await child.call(id, 'both', { query: { n: 'x' } }), {
    error: {
      kind: 'arguments',
      statusCode: 400,
      message: 'args/n must be integer',
      validation: [{ instancePath: '/n', message: 'must be integer', keyword: 'type', params: { type: 'integer' } }]
    }
  })
  t.match(await child.call(id, 'deep'), { error: { kind: 'arguments', message: 'args must not be nested so deep' } })
  const wrong = child.load('exports.f = endpoint({}, () => "x"); exports.u = endpoint({}, () => {})', {
    checks: '() => { const returns = value => { throw Object.assign(new Error(), { validation: "returns must be object, not " + value }) }; return { f: { returns }, u: { returns } } }'
  })
  t.strictSame(await child.call(wrong, 'f'), { error: { kind: 'returns', message: 'returns must be object, not x' } })
  t.strictSame(await child.call(wrong, 'u'), { error: { kind: 'returns', message: 'returns must be object, not null' } })
})

t.test('errors tell message, status, code and stack, with the positions of the script', async t => {
  const id = child.load(`
    exports.fails = endpoint({}, () => fail(404, 'gone'))
    exports.asserts = endpoint({}, () => assert(false))
    exports.coded = endpoint({}, async () => { throw Object.assign(new TypeError('bad'), { code: 'E_BAD', statusCode: 409.5 }) })
    exports.text = endpoint({}, () => { throw 'text' })
    exports.nothing = endpoint({}, () => { throw undefined })
    exports.object = endpoint({}, () => { throw { statusCode: 418, message: 'teapot' } })
    exports.returned = endpoint({}, () => new Error('returned'))
    exports.hostile = endpoint({}, () => { throw { get message () { throw 1 }, get stack () { for (;;) break; throw 2 } } })
    exports.proxy = endpoint({}, () => { throw new Proxy({}, { get () { throw new Error('trap') } }) })
    const trap = () => { throw new Error('trap') }
    const traps = Object.fromEntries(Reflect.ownKeys(Reflect).filter(name => typeof name === 'string').map(name => [name, trap]))
    exports.traps = endpoint({}, () => { throw new Proxy({}, traps) })
    exports.lateTraps = endpoint({}, async () => { throw new Proxy(new Error('x'), traps) })
    exports.returnedTraps = endpoint({}, () => new Proxy({}, traps))
    exports.revoked = endpoint({}, () => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy })
    exports.long = endpoint({}, () => { const error = new Error('x'.repeat(1e6)); error.stack = 'y'.repeat(1e6); throw error })
    exports.bigint = endpoint({}, () => 1n)
    exports.fn = endpoint({}, () => () => {})
    exports.circle = endpoint({}, () => { const o = {}; o.o = o; return o })
    exports.toJson = endpoint({}, () => ({ toJSON () { throw new Error('no JSON') } }))
  `)
  t.match(await child.call(id, 'fails'), { error: { kind: 'thrown', statusCode: 404, message: 'gone', stack: /^Error: gone\n {4}at .*module\.js:3:\d+\)?/ } })
  t.match(await child.call(id, 'asserts'), { error: { statusCode: 400, message: 'Assertion failed' } })
  const coded = await child.call(id, 'coded')
  t.match(coded, { error: { kind: 'thrown', message: 'bad', code: 'E_BAD', stack: /^TypeError: bad\n/ } })
  t.notMatch(coded, { error: { statusCode: Number } })
  t.notMatch(coded, { error: { stack: /prelude/ } }, 'the prelude is not in it')
  t.match(await child.call(id, 'text'), { error: { message: 'threw what is no Error: "text"' } })
  t.match(await child.call(id, 'nothing'), { error: { message: 'threw what is no Error: undefined' } })
  t.match(await child.call(id, 'object'), { error: { statusCode: 418, message: 'teapot' } })
  t.match(await child.call(id, 'returned'), { error: { kind: 'thrown', message: 'returned' } })
  t.match(await child.call(id, 'hostile'), { error: { kind: 'thrown', message: 'threw what cannot be read' } })
  t.match(await child.call(id, 'proxy'), { error: { kind: 'thrown', message: 'threw what cannot be read' } })
  for (const name of ['traps', 'lateTraps', 'revoked']) t.match(await child.call(id, name), { error: { kind: 'thrown', message: 'threw what cannot be read' } }, name)
  t.match(await child.call(id, 'returnedTraps'), { error: { kind: 'thrown', message: 'trap' } })
  const long = await child.call(id, 'long') as { error: { message: string, stack: string } }
  t.equal(long.error.message.length, 4096)
  t.equal(long.error.stack.length, 8192)
  t.match(await child.call(id, 'bigint'), { error: { kind: 'response', message: /is JSON; found .*BigInt/ } })
  t.match(await child.call(id, 'fn'), { error: { kind: 'response', message: /found a function/ } })
  t.match(await child.call(id, 'circle'), { error: { kind: 'response', message: /circular/ } })
  t.match(await child.call(id, 'toJson'), { error: { kind: 'response', message: /no JSON/ } })
})

t.test('answers have at most the bytes that they may have', async t => {
  const id = child.load(`
    exports.text = endpoint({}, ({ n, c }) => c.repeat(Number(n)))
    exports.bytes = endpoint({}, ({ n }) => new Uint8Array(Number(n)).fill(200))
  `, { limits: { responseBytes: 10_000 } })
  t.match(await child.call(id, 'text', { query: { c: 'a', n: '9998' } }), { value: /^a{9998}$/ })
  const tooLarge = { error: { kind: 'response', message: 'expected an answer of at most 10000 bytes' } }
  t.strictSame(await child.call(id, 'text', { query: { c: 'a', n: '9999' } }), tooLarge)
  t.strictSame(await child.call(id, 'text', { query: { c: 'ä', n: '5000' } }), tooLarge, 'in UTF-8')
  t.match(await child.call(id, 'text', { query: { c: 'ä', n: '4999' } }), { value: /^ä{4999}$/ })
  const bytes = await child.call(id, 'bytes', { query: { n: '10000' } })
  t.match(bytes, { head: { status: 200, headers: [['content-type', 'application/octet-stream']] } })
  t.strictSame((bytes as { body: Buffer }).body, Buffer.alloc(10_000, 200))
  t.strictSame(await child.call(id, 'bytes', { query: { n: '10001' } }), tooLarge)
})

t.test('a Response becomes a head and a body', async t => {
  const id = child.load(`
    exports.text = endpoint({}, () => new Response('hällo', { status: 201, headers: { 'x-a': 'b' } }))
    exports.json = endpoint({}, async () => Response.json({ a: 1 }))
    exports.bytes = endpoint({}, () => new Response(new Uint8Array([0, 128, 255])))
    exports.empty = endpoint({}, () => new Response(null, { status: 204 }))
    exports.used = endpoint({}, async () => { const response = new Response('x'); await response.text(); return response })
    exports.error = endpoint({}, async () => Response.error())
  `)
  const text = await child.call(id, 'text') as { head: object, body: Buffer }
  t.match(text.head, { status: 201 })
  t.match(new Map((text.head as { headers: Array<[string, string]> }).headers).get('x-a'), 'b')
  t.equal(text.body.toString(), 'hällo')
  t.equal((await child.call(id, 'json') as { body: Buffer }).body.toString(), '{"a":1}')
  t.strictSame((await child.call(id, 'bytes') as { body: Buffer }).body, Buffer.from([0, 128, 255]))
  t.match(await child.call(id, 'empty'), { head: { status: 204 }, body: { length: 0 } })
  t.match(await child.call(id, 'used'), { error: { kind: 'response', message: /nobody has read/ } })
  t.match(await child.call(id, 'error'), { error: { kind: 'response', message: /status/ } })
})

t.test('the context tells of the call', async t => {
  const id = child.load(`
    const names = ['method', 'path', 'headers', 'query', 'params', 'body', 'owner', 'module', 'api', 'requestId', 'env', 'app', 'request']
    exports.all = endpoint({}, (args, context) => Object.fromEntries(names.map(name => [name, context[name]])))
    exports.bytes = endpoint({}, (args, { body }) => [body instanceof Uint8Array, ...body])
    exports.frozen = endpoint({}, (args, { env }) => { try { env.A = 'x' } catch (error) { return [error.name, env.A, env.toString] } })
    exports.body = endpoint({}, (args, { body }) => [typeof body, Object.hasOwn(body ?? {}, '__proto__'), JSON.stringify(body)])
  `, { owner: 'owner', module: 'module', environment: { A: '1' } })
  t.strictSame(await child.value(id, 'all', {
    method: 'POST', path: '/p', headers: { a: 'b' }, query: { q: ['1', '2'] }, params: { p: 'x' }, payload: { a: 1, __map__: { parm_1: 'p' } }, mapped: true, api: 'api', requestId: 'id'
  }), {
    method: 'POST', path: '/p', headers: { a: 'b' }, query: { q: ['1', '2'] }, params: { p: 'x' }, body: { a: 1 }, owner: 'owner', module: 'module', api: 'api', requestId: 'id', env: { A: '1' }
  })
  for (const bytes of [[], [1], [1, 2], [255, 0, 128], [1, 2, 3, 4]]) {
    t.strictSame(await child.value(id, 'bytes', { bytes: Buffer.from(bytes).toString('base64') }), [true, ...bytes])
  }
  t.strictSame(await child.value(id, 'frozen'), ['TypeError', '1', undefined].map(value => value ?? null))
  t.strictSame(await child.value(id, 'body', { payload: JSON.parse('{"__proto__":1,"__map__":2}') as unknown }), ['object', true, '{"__proto__":1,"__map__":2}'])
  t.strictSame(await child.value(id, 'body', { payload: JSON.parse('{"__proto__":1,"__map__":2}') as unknown, mapped: true }), ['object', true, '{"__proto__":1}'])
  t.strictSame(await child.value(id, 'body'), ['undefined', false, null])
})

t.test('what is logged comes with its call, and is capped', async t => {
  const id = child.load(`
    console.log('loading')
    exports.all = endpoint({}, async (args, { log }) => {
      console.log('text', 1, { a: [1, 'b'], c: undefined }, null, -0, 1n, Symbol('s'))
      console.log('%s is %d%%', 'it', 5, 'more')
      console.error(new RangeError('wrong'))
      console.warn(new Map([[1, new Set([2])]]), new Date(0), /x/g, [,1], class A {}, new (class B { x = 1 }), new Uint8Array(2))
      log.fatal({ a: 1 }, 'with object')
      log.child().trace('child')
      const circle = { get a () { throw 1 } }; circle.circle = circle
      console.debug(circle, { a: { b: { c: { d: { e: 1 } } } } })
      console.info(new Proxy({}, { ownKeys () { throw 1 } }))
      console.group('group'); console.log('in it'); console.groupEnd(); console.log('out')
      console.count(); console.count(); console.assert(true); console.assert(false, 'no')
      await null
      console.log('after')
    })
    exports.much = endpoint({}, () => { for (let i = 0; i < 1e4; i++) console.log('x'.repeat(100)) })
    exports.one = endpoint({}, () => { console.log('x'.repeat(1e6)) })
  `, { limits: { logBytes: 4_000 } })
  child.logs.length = 0
  await child.call(id, 'all')
  const { call } = child.logs[1]!
  t.ok(call > 0)
  t.strictSame(child.logs.map(({ level, text, call: of }) => [level, text.split('\n')[0], of]), [
    ['info', 'loading', 0],
    ['info', 'text 1 { a: [1, "b"], c: undefined } null -0 1n Symbol(s)', call],
    ['info', 'it is 5% more', call],
    ['error', 'RangeError: wrong', call],
    ['warn', 'Map(1) {1 => Set(1) {2}} 1970-01-01T00:00:00.000Z /x/g [[empty], 1] [function A] B { x: 1 } Uint8Array [0, 0]', call],
    ['fatal', 'with object { a: 1 }', call],
    ['trace', 'child', call],
    ['debug', '{ a: [getter], circle: [circular] } { a: { b: { c: { d: [object] } } } }', call],
    ['info', '[a value that cannot be shown]', call],
    ['info', 'group', call], ['info', '  in it', call], ['info', 'out', call],
    ['info', 'default: 1', call], ['info', 'default: 2', call], ['error', 'Assertion failed: no', call],
    ['info', 'after', call]
  ])
  for (const name of ['much', 'one']) {
    child.logs.length = 0
    await child.call(id, name)
    t.ok(child.logs.reduce((bytes, { text }) => bytes + text.length, 0) < 4_100)
    t.match(child.logs.at(-1), { level: 'warn', text: 'log cut: a turn may write 4000 bytes' })
  }
})

t.test('timers run, in order, and are capped', async t => {
  const id = child.load(`
    exports.order = endpoint({}, () => new Promise(resolve => {
      const seen = []
      setTimeout(() => { seen.push('c'); resolve(seen) }, 20)
      setTimeout(value => seen.push(value), 5, 'b')
      setTimeout(() => seen.push('a'))
      clearTimeout(setTimeout(() => seen.push('never'), 1))
      queueMicrotask(() => seen.push('first'))
    }))
    exports.interval = endpoint({}, () => new Promise(resolve => {
      let n = 0
      const id = setInterval(() => { if (++n === 3) { clearInterval(id); setTimeout(() => resolve(n), 20) } }, 1)
    }))
    exports.throws = endpoint({}, async () => {
      setTimeout(() => { throw new Error('in a timer') })
      queueMicrotask(() => { throw new Error('in a microtask') })
      await new Promise(resolve => setTimeout(resolve, 10))
      return 'goes on'
    })
    exports.many = endpoint({}, () => {
      const ids = []
      try { for (;;) ids.push(setTimeout(() => {}, 1e9)) } catch (error) { return [error.name, ids.length] } finally { ids.forEach(clearTimeout) }
    })
    exports.wrong = endpoint({}, () => { try { setTimeout('1') } catch (error) { return error.name } })
  `)
  t.strictSame(await child.value(id, 'order'), ['first', 'a', 'b', 'c'])
  t.equal(await child.value(id, 'interval'), 3)
  child.logs.length = 0
  t.equal(await child.value(id, 'throws'), 'goes on')
  t.strictSame(child.logs.map(({ level, text }) => [level, text.split('\n')[0]]), [['error', 'uncaught: Error: in a microtask'], ['error', 'uncaught: Error: in a timer']])
  t.strictSame(await child.value(id, 'many'), ['RangeError', 1_000])
  t.equal(await child.value(id, 'wrong'), 'TypeError')
})

t.test('a cancelled call hears of it and is answered with nothing', async t => {
  const id = child.load(`
    let aborted = 0
    exports.wait = endpoint({}, (args, { signal }) => new Promise(() => { signal.addEventListener('abort', () => { aborted++ }) }))
    exports.deaf = endpoint({}, () => new Promise(() => {}))
    exports.aborted = endpoint({}, () => aborted)
  `)
  for (const name of ['wait', 'deaf']) {
    const { id: call, frame, answer } = child.prepare(id, name)
    child.socket.write(frame)
    await child.value(id, 'aborted')
    child.send(ToCell.CANCEL, call)
    t.strictSame(await answer, { nothing: true })
  }
  t.equal(await child.value(id, 'aborted'), 1)
  const { id: call, frame, answer } = child.prepare(id, 'wait')
  child.socket.write(Buffer.concat([frame, encodeFrame(ToCell.CANCEL, call)]))
  t.strictSame(await answer, { nothing: true }, 'one that has not begun does not')
  child.send(ToCell.CANCEL, call)
  child.send(ToCell.CANCEL, 1_000_000)
  t.equal(await child.value(id, 'aborted'), 1)
})

t.test('a turn that runs too long ends its isolate, and nothing else', async t => {
  const loops = {
    loop: '() => { for (;;); }',
    afterWait: 'async () => { await null; for (;;); }',
    afterTimer: 'async () => { await new Promise(resolve => setTimeout(resolve, 1)); for (;;); }',
    flood: '() => new Promise(() => { const go = () => { Promise.resolve().then(go) }; go() })',
    queue: '() => { const go = () => queueMicrotask(go); go() }',
    getter: '() => ({ get a () { for (;;); } })',
    toJson: '() => ({ toJSON () { for (;;); } })',
    error: '() => { throw { get message () { for (;;); } } }',
    then: '() => ({ get then () { for (;;); } })',
    logged: '() => { console.log({ get a () { return 1 } }, new Proxy({}, { ownKeys () { for (;;); } })) }',
    finally: '() => { try { for (;;); } finally { for (;;); } }',
    regexp: '() => /^(a+)+$/.test("a".repeat(40) + "b")'
  }
  const good = child.load('exports.ok = endpoint({}, () => 1)')
  for (const [name, code] of Object.entries(loops)) {
    const id = child.load(`exports.f = endpoint({}, ${code})\nexports.waits = endpoint({}, () => new Promise(() => {}))`, { limits: { turnMs: 200 } })
    const waiting = child.prepare(id, 'waits')
    child.socket.write(waiting.frame)
    const looping = child.prepare(id, 'f')
    child.socket.write(looping.frame)
    const answer = await looping.answer
    t.match(answer, { failed: { reason: 'timeout', message: 'it ran for more than 200 ms without a wait', begun: [waiting.id, looping.id] } }, name)
    t.equal(await child.value(good, 'ok'), 1, 'its neighbour is served')
    t.strictSame(child.frames.filter(frame => frame.id === id && (frame.type === ToHost.LOG || frame.type === ToHost.FAILED)).length, 1, 'nothing more is said of it')
  }
})

t.test('memory ends its isolate, and nothing else', async t => {
  const hogs = {
    array: '() => { const all = []; for (;;) all.push(new Array(1e4).fill(all.length)) }',
    afterWait: 'async () => { await null; const all = []; for (let i = 0;; i++) all.push({ i }) }',
    closures: '() => { const all = []; for (;;) all.push(() => all) }'
  }
  const good = child.load('exports.ok = endpoint({}, () => 1)')
  for (const [name, code] of Object.entries(hogs)) {
    const id = child.load(`exports.f = endpoint({}, ${code})`, { limits: { memoryMb: 16, turnMs: 10_000 } })
    const { id: call, frame, answer } = child.prepare(id, 'f')
    child.socket.write(frame)
    t.strictSame(await answer, { failed: { reason: 'memory', message: 'it used more than 16 MB', begun: [call], turn: [call] } }, name)
    t.equal(await child.value(good, 'ok'), 1)
  }
  const id = child.load('exports.f = endpoint({}, () => { globalThis.kept = new Uint8Array(3e7) }); exports.ok = endpoint({}, () => 1)', { limits: { memoryMb: 16 } })
  t.match(await child.call(id, 'f'), { error: { kind: 'thrown', message: 'Array buffer allocation failed' } })
  t.equal(await child.value(id, 'ok'), 1, 'a buffer that is refused does no harm')
})

t.test('what V8 does not survive ends the cell at once', async t => {
  const own = await Child.start(t)
  const id = own.load('exports.f = endpoint({}, () => { const all = {}; for (let i = 0;; i++) all["k" + i] = i })', { limits: { memoryMb: 16, turnMs: 60_000 } })
  const answer = await Promise.race([own.call(id, 'f'), own.exit()])
  // Which of the two happens is a matter of when V8 happens to collect garbage.
  if ('failed' in answer) t.match(answer, { failed: { reason: 'memory' } })
  else t.match([answer, own.words], [{ code: null, signal: String }, /heap_oom/])
})

t.test('a module that cannot be loaded says why, and no call has begun', async t => {
  const causes: Array<[string, RegExp, object?]> = [
    ['throw new Error("at the top")', /^Error: at the top\n {4}at .*module\.js:2:7/],
    ['throw { get message () { throw 1 } }', /^threw what cannot be read/],
    ['for (;;);', /^it ran for more than 50 ms/, { turnMs: 50 }],
    ['const all = []; for (;;) all.push(new Array(1e4).fill(1))', /^it used more than 16 MB/, { memoryMb: 16, turnMs: 10_000 }],
    ['this is no JavaScript', /^SyntaxError: /],
    ['require("node:fs")', /there is no package "node:fs" in the sandbox/],
    ['}); throw new Error("escaped"); (function () {', /escaped/]
  ]
  for (const [code, message, limits = {}] of causes) {
    const id = child.load(code, { limits })
    t.match(await child.call(id, 'f'), { failed: { reason: 'load', message, begun: [], turn: [] } }, code)
  }
})

t.test('a promise that is rejected and handled by nobody is told of, and costs no call its answer', async t => {
  const id = child.load(`
    Promise.reject(new Error('while loading'))
    exports.f = endpoint({}, () => { Promise.reject(new Error('lost')); Promise.reject(new Error('too')); return 'answered' })
    exports.hostile = endpoint({}, () => { Promise.reject({ get message () { throw new Error('x') } }); return 'answered' })
    exports.value = endpoint({}, () => { Promise.reject({}); return 'answered' })
    exports.forged = endpoint({}, () => { Promise.reject(new Error('Script execution timed out.')); return 1 })
  `)
  child.logs.length = 0
  t.equal(await child.value(id, 'f'), 'answered')
  t.strictSame(child.logs, ['while loading', 'lost'].map(text => ({ level: 'error', text: `unhandled rejection: ${text}`, call: 0 })))
  t.equal(await child.value(id, 'hostile'), 'answered')
  child.logs.length = 0
  t.equal(await child.value(id, 'value'), 'answered')
  t.strictSame(child.logs, [{ level: 'error', text: 'unhandled rejection: a value that is no Error', call: 0 }])
  t.match(await child.call(id, 'forged'), { failed: { reason: 'timeout' } }, 'who says that it ran out of time did')
})

t.test('the mark tells what runs', async t => {
  const quick = child.load('exports.f = endpoint({}, () => 1)')
  await child.value(quick, 'f')
  await child.until(() => child.mark()[0] === 0)
  const [, turn, , last] = child.mark() as [number, number, number, number]
  const slow = child.load('exports.f = endpoint({}, () => { const end = Date.now() + 1500; while (Date.now() < end); })', { limits: { turnMs: 5_000 } })
  await child.call(child.load('exports.x = 1'), 'x')
  const { id, frame, answer } = child.prepare(slow, 'f')
  child.socket.write(frame)
  while (child.mark()[0] !== slow || child.mark()[3] !== id) await new Promise(resolve => setTimeout(resolve, 5))
  const mark = child.mark()
  t.equal(mark[2], id - 1)
  t.equal(mark[3], id)
  t.ok(mark[1]! > turn)
  t.ok(last < id)
  await answer
  child.send(ToCell.PING, 7)
  await child.until(() => child.frames.some(({ type, id }) => type === ToHost.PONG && id === 7))
  t.equal(child.mark()[0], 0)
})

t.test('a long turn makes the cell wait for GO', async t => {
  const slow = child.load('exports.f = endpoint({}, () => { const end = Date.now() + 50; while (Date.now() < end); return 1 })')
  const other = child.load('let n = 0; exports.f = endpoint({}, () => ++n)')
  t.strictSame([await child.value(slow, 'f'), await child.value(other, 'f')], [1, 1])
  child.send(ToCell.PING, 9)
  await child.until(() => child.frames.some(({ type, id }) => type === ToHost.PONG && id === 9))
  child.goes = false
  child.frames.length = 0
  const first = child.prepare(slow, 'f')
  const taken = child.prepare(other, 'f')
  const kept = child.prepare(other, 'f')
  child.socket.write(Buffer.concat([first.frame, taken.frame, kept.frame]))
  t.strictSame(await first.answer, { value: 1 })
  await child.until(() => child.frames.some(({ type }) => type === ToHost.LONG))
  const long = child.frames.findLast(({ type }) => type === ToHost.LONG)!
  child.send(ToCell.CANCEL, taken.id)
  child.send(ToCell.PING, 8)
  await child.until(() => child.frames.some(({ type, id }) => type === ToHost.PONG && id === 8))
  child.send(ToCell.GO, long.id)
  t.strictSame(await kept.answer, { value: 2 }, 'the one taken back has not run')
  child.goes = true
})

t.test('frames may come in pieces, and many at once', async t => {
  const id = child.load('exports.f = endpoint({}, ({ n }) => n)')
  const calls = Array.from({ length: 20 }, (_, n) => child.prepare(id, 'f', { payload: { n, more: 'ü'.repeat(500) } }))
  const bytes = Buffer.concat(calls.map(({ frame }) => frame))
  for (let at = 0; at < bytes.length; at += 997) {
    child.socket.write(bytes.subarray(at, at + 997))
    await new Promise(resolve => setImmediate(resolve))
  }
  t.strictSame(await Promise.all(calls.map(({ answer }) => answer)), calls.map((_, value) => ({ value })))
  const large = 'x'.repeat(500_000)
  t.equal(await child.value(id, 'f', { payload: { n: large } }), large)
})

t.test('a dropped isolate is gone', async t => {
  const id = child.load('exports.f = endpoint({}, () => 1); exports.waits = endpoint({}, () => new Promise(() => {})); setInterval(() => console.log("tick"), 1)')
  const other = child.load('exports.f = endpoint({}, () => 2)')
  child.socket.write(child.prepare(id, 'waits').frame)
  t.equal(await child.value(id, 'f'), 1)
  child.send(ToCell.DROP, id)
  child.send(ToCell.DROP, id)
  child.socket.write(child.prepare(id, 'f').frame)
  t.equal(await child.value(other, 'f'), 2)
  const before = child.logs.length
  await new Promise(resolve => setTimeout(resolve, 50))
  t.equal(child.logs.length, before, 'it says nothing more')
  t.notOk(child.failed.has(id))
})

t.test('a guest that tampers with built-ins harms itself only', async t => {
  const answers = { ok: { value: 1 }, later: { value: 2 }, fails: { error: { kind: 'thrown', message: 'no' } }, response: { head: { status: 200 } }, waits: { value: 1 } }
  const tricks = [
    'JSON.stringify = JSON.parse = () => "forged"',
    'Object.prototype.toJSON = Array.prototype.toJSON = String.prototype.toJSON = () => "forged"',
    'Promise.prototype.then = Promise.prototype.catch = Promise.resolve = () => { throw 1 }',
    'Object.defineProperty(Promise.prototype, "constructor", { get () { return class { static get [Symbol.species] () { return this } constructor (go) { go(() => {}, () => {}) } } } })',
    'Object.defineProperty(Promise, Symbol.species, { get () { throw 1 } })',
    'for (let i = 0; i < 100; i++) Object.defineProperty(Array.prototype, i, { set () { throw 1 }, get () { return "forged" }, configurable: true })',
    'for (const name of ["id", "kind", "text", "level", "function", "payload", "bytes", "mapped", "statusCode", "validation", "value", "get"]) Object.defineProperty(Object.prototype, name, { __proto__: null, set () {}, get () { return "forged" }, configurable: true })',
    'Array.prototype[Symbol.iterator] = Array.prototype.push = Array.prototype.splice = Array.prototype.map = () => { throw 1 }',
    'Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => { throw 1 }',
    'Map.prototype.get = Map.prototype.set = Map.prototype.delete = Set.prototype.has = () => { throw 1 }',
    'Error.prepareStackTrace = () => { throw 1 }; Error.stackTraceLimit = -1; Error.captureStackTrace = null',
    'Object.defineProperty(Error, Symbol.hasInstance, { value: () => true }); Object.defineProperty(Object, Symbol.hasInstance, { value: () => true })',
    'String.prototype.slice = String.prototype.charCodeAt = String.prototype.indexOf = String.prototype.split = String.fromCharCode = () => "forged"; String.prototype[Symbol.iterator] = null',
    'Reflect.apply = Reflect.ownKeys = Reflect.defineProperty = Object.keys = Object.hasOwn = Object.freeze = Array.isArray = Number.isInteger = () => { throw 1 }',
    'for (const name of ["Uint8Array", "Map", "Set", "Date", "Symbol", "Function", "String", "Number", "Promise"]) globalThis[name] = undefined; Math.min = Math.max = null',
    'Object.defineProperty(Object.getPrototypeOf(Uint8Array.prototype), "length", { get: () => 1e9 }); Object.defineProperty(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag, { get: () => "Uint8Array" })',
    'for (const key of Reflect.ownKeys(globalThis)) { try { if (key !== "Response") globalThis[key] = undefined } catch {} }',
    'Object.freeze(Object.prototype); Object.freeze(Array.prototype); Object.freeze(globalThis)',
    'Object.setPrototypeOf(Object.prototype.constructor, new Proxy({}, { get () { throw 1 } })); Object.setPrototypeOf(Array.prototype, new Proxy(Object.prototype, { get () { throw 1 }, set () { throw 1 }, has () { throw 1 } }))'
  ]
  for (const trick of tricks) {
    const id = child.load(`
      exports.ok = endpoint({}, ({ a }) => a)
      exports.later = endpoint({}, async () => 2)
      exports.fails = endpoint({}, async () => { const error = new Error('no'); error.stack = ''; throw error })
      exports.response = endpoint({}, (args, { log, body }) => { log.info({ a: 1 }, 'text'); console.log('more', [1]); return new Uint8Array(3) })
      exports.waits = endpoint({}, (args, { body }) => { setTimeout(() => {}, 1); queueMicrotask(() => {}); return body.a })
      const { Uint8Array } = globalThis
      exports.tamper = endpoint({}, () => { ${trick}\n })
    `)
    t.match(await child.call(id, 'tamper'), { nothing: true }, trick)
    for (const [name, answer] of Object.entries(answers)) t.match(await child.call(id, name, { payload: { a: 1, __map__: {} }, mapped: true }), answer, name)
  }
})

t.test('a guest finds no function of the cell, wherever it looks', async t => {
  // Sloppy code, which may look at its callers.
  const id = child.load(`
    }); var began = false, seen = new Set(), found = [], sites = []; (function (exports, require, module) {
    const { endpoint } = require('fastify-microservices')
    function look (value, path, depth, sets) {
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value) || depth > 12) return
      seen.add(value)
      if (typeof value === 'function' && !sets) {
        try { const given = value('part:url', ''); if (typeof given === 'string' && given.length > 1000) found.push(path) } catch {}
        try { look(value.caller, path + '.caller', depth + 1) } catch {}
      }
      for (let names = Reflect.ownKeys(value), i = 0; i < names.length; i++) {
        const descriptor = Reflect.getOwnPropertyDescriptor(value, names[i])
        for (const key of ['value', 'get', 'set']) look(descriptor?.[key], path + '.' + String(names[i]), depth + 1, key === 'set')
        try { look(value[names[i]], path + '.' + String(names[i]), depth + 1) } catch {}
      }
      look(Object.getPrototypeOf(value), path + '.__proto__', depth + 1)
    }
    function callers () {
      let stack = []
      const before = Error.prepareStackTrace
      Error.prepareStackTrace = (error, sites) => { stack = sites; return '' }
      Error.stackTraceLimit = 100
      new Error().stack
      Error.prepareStackTrace = before
      stack.forEach((site, i) => { look(site, 'site' + i, 0); for (const name of ['getThis', 'getFunction', 'getEvalOrigin']) look(site[name](), 'site' + i + name, 0) })
      sites.push(stack.length)
      for (let f = callers.caller, i = 0; f && i < 20; i++) { look(f, 'caller' + i, 0); try { f = f.caller } catch { f = null } }
    }
    callers()
    // To know that it would be found.
    globalThis.planted = { get in () { return (name, text) => name === 'part:url' && text === '' ? 'x'.repeat(2000) : '' } }
    new URL('http://a'); new Response('a'); structuredClone({}); btoa('a'); performance.now(); crypto.getRandomValues(new Uint8Array(1)); new Blob([])
    exports.f = endpoint({}, function (args, context) {
      // It finds itself, and calls what it finds.
      if (began) return
      began = true
      seen.clear()
      callers()
      look(globalThis, 'globalThis', 0); look(this, 'this', 0); look(arguments, 'arguments', 0); look(require, 'require', 0); look(module, 'module', 0); look(context, 'context', 0)
      const request = { get name () { callers(); return 'x' }, toString () { callers(); return 'http://a' } }
      for (const use of [() => console.log(new Proxy({}, { ownKeys () { callers(); return [] } })), () => new URL(request), () => structuredClone({ get a () { callers() } }),
        () => btoa(request), () => new Headers({ [Symbol.iterator]: 1, get a () { callers(); return 'b' } }), () => new Response(request), () => crypto.subtle.digest(request, new Uint8Array(1)),
        () => { try { new URL('no') } catch (error) { look(error, 'error', 0) } }, () => JSON.stringify(context)]) { try { use() } catch (error) { look(error, 'thrown', 0) } }
      queueMicrotask(callers)
      setTimeout(callers)
      return new Promise(resolve => setTimeout(() => resolve({ toJSON () { callers(); return { found, seen: seen.size, sites: Math.max(...sites) } } }), 20))
    })
  `, { limits: { turnMs: 10_000 } })
  const answer = await child.call(id, 'f')
  const { value: { found, seen, sites } } = answer as unknown as { value: { found: string[], seen: number, sites: number } }
  t.strictSame(found.filter(path => !path.endsWith('.planted.in')), [])
  t.ok(found.length > 0)
  t.ok(seen > 1_000, 'it looked far')
  t.ok(sites > 1, 'and saw its callers')
})

t.test('buffers are as they are elsewhere, but cannot be resized', async t => {
  const id = child.load(`
    exports.f = endpoint({}, () => {
      class Own extends ArrayBuffer {}
      const buffer = new ArrayBuffer(8), own = new Own(4), view = new Uint8Array(2)
      const makers = [ArrayBuffer, buffer.constructor, view.buffer.constructor, Object.getPrototypeOf(Own), Own, own.slice(1).constructor, structuredClone(buffer).constructor]
      let reads = 0
      const options = { get maxByteLength () { return reads++ % 2 ? 100 : undefined } }
      const refused = makers.map(maker => { try { new maker(1, { maxByteLength: 10 }); return 'made' } catch (error) { return error.name } })
      return {
        refused: [...new Set(refused)],
        tricked: makers.some(maker => { try { return new maker(1, options).resizable } catch { return false } }),
        sizes: [new ArrayBuffer().byteLength, buffer.byteLength, own.byteLength, own.slice(1).byteLength, new ArrayBuffer(3, {}).byteLength],
        kinds: [buffer instanceof ArrayBuffer, own instanceof Own, view.buffer instanceof ArrayBuffer, ArrayBuffer.isView(view), ArrayBuffer.name, Object.keys(globalThis).includes('ArrayBuffer')]
      }
    })
  `)
  t.strictSame(await child.value(id, 'f'), {
    refused: ['RangeError'], tricked: false, sizes: [0, 8, 4, 3, 3], kinds: [true, true, true, true, 'ArrayBuffer', false]
  })
})

t.test('only who may have it has WebAssembly, and its promises are kept', async t => {
  const code = `
    const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 6, 1, 4, 0, 65, 42, 11])
    exports.has = endpoint({}, () => ['WebAssembly', 'SharedArrayBuffer', 'Atomics', 'WeakRef', 'FinalizationRegistry'].filter(name => name in globalThis))
    exports.run = endpoint({}, async () => {
      const { instance } = await WebAssembly.instantiate(bytes)
      const again = await WebAssembly.instantiate(await WebAssembly.compile(bytes))
      return [instance.exports.f(), again.exports.f()]
    })
    exports.wrong = endpoint({}, () => WebAssembly.compile(new Uint8Array(3)))
  `
  t.strictSame(await child.value(child.load(code), 'has'), [])
  const id = child.load(code, { limits: { webAssembly: true } })
  t.strictSame(await child.value(id, 'has'), ['WebAssembly', 'SharedArrayBuffer', 'Atomics'])
  t.strictSame(await child.value(id, 'run'), [42, 42])
  t.match(await child.call(id, 'wrong'), { error: { kind: 'thrown', message: /WebAssembly/ } })
})

t.test('isolates share nothing', async t => {
  const code = 'globalThis.n = 0; exports.f = endpoint({}, () => { Array.prototype.x = 1; Object.prototype.y = 1; return [++n, [].x, {}.y] })\nexports.g = endpoint({}, () => [n, [].x ?? 0, {}.y ?? 0])'
  const [one, two] = [child.load(code), child.load(code)]
  t.strictSame(await child.value(one, 'f'), [1, 1, 1])
  t.strictSame(await child.value(two, 'g'), [0, 0, 0])
})

t.test('of an isolate that runs alone, each call has a turn of its own', async t => {
  const code = 'exports.f = endpoint({}, ({ n }) => { for (const end = Date.now() + Number(n); Date.now() < end;); return n })'
  for (const alone of [false, true]) {
    const id = child.load(code, { alone, limits: { turnMs: 500 } })
    await child.value(id, 'f', { query: { n: '0' } })
    const calls = ['1', '60000', '2'].map(n => child.prepare(id, 'f', { query: { n } }))
    child.socket.write(Buffer.concat(calls.map(({ frame }) => frame)))
    const [first, second, third] = calls as [typeof calls[0], typeof calls[0], typeof calls[0]]
    const { failed } = await second.answer as unknown as { failed: { begun: number[], turn: number[] } }
    t.strictSame(failed.turn, alone ? [second.id] : [first.id, second.id, third.id])
    t.strictSame(failed.begun, failed.turn)
    t.match(await first.answer, alone ? { value: '1' } : { failed: {} })
  }
})

t.test('the cell is measured', async t => {
  const id = child.load('globalThis.kept = new Uint8Array(5e6); exports.f = endpoint({}, () => 1)')
  await child.value(id, 'f')
  child.send(ToCell.MEASURE, 3)
  await child.until(() => child.frames.some(({ type }) => type === ToHost.MEASURED))
  const { payload } = child.frames.find(({ type }) => type === ToHost.MEASURED)!
  const measured = new Map(JSON.parse(payload.toString()) as Array<[number, number]>)
  t.ok(measured.get(id)! > 5e6)
})

t.test('a cell ends when its socket does, whatever runs', async t => {
  const own = await Child.start(t)
  own.load('exports.f = endpoint({}, () => 1); setInterval(() => {}, 1)')
  own.socket.end()
  await own.exit()
})

t.test('a frame that is none ends the cell with a code of its own', async t => {
  const own = await Child.start(t)
  own.send(99, 0)
  t.strictSame(await own.exit(), { code: 70, signal: null })
  t.match(own.words, /^Error: unknown frame of type 99\n/)
})
