import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import { Sandbox } from '../../lib/sandbox/sandbox.ts'
import { build, callOf, fateOf, fellow, moduleOf, valueOf } from './fake-pool.ts'

t.test('answers', async t => {
  const { pool } = build(t)
  const tenant = fellow('tenant')
  const run = (command: string) => pool.call(callOf(tenant, command))

  await t.test('are values, as the bytes that came', async t => {
    t.match(valueOf(await run('echo hello')), [Number, 'tenant', false, 'hello', 'GET'])
    t.equal((valueOf(await run('large 900000')) as string).length, 900_000, 'in many reads')
    t.equal((valueOf(await run('pieces 20000')) as string).length, 20_000, 'in many small writes')
  })

  await t.test('are nothing, responses, errors', async t => {
    t.strictSame(await run('nothing'), { kind: 'nothing' })
    t.match(await run('respond 201 [["x-name","value"]]'), { kind: 'response', head: { status: 201, headers: [['x-name', 'value']] }, body: Buffer.from('body') })
    t.strictSame(await run('error teapot'), { kind: 'error', error: { kind: 'thrown', message: 'teapot', statusCode: 418 } })
  })

  await t.test('come in any order, each to its own call', async t => {
    const answers = Array.from({ length: 500 }, (_, i) => run(i % 7 === 0 ? `wait ${i % 30}` : `echo ${i}`))
    const values = (await Promise.all(answers)).map(valueOf)
    t.ok(values.every((value, i) => i % 7 === 0 ? value === 'waited' : (value as unknown[])[3] === String(i)))
  })

  await t.test('that break a limit of the tenant are refused, and its owner is told', async t => {
    t.equal(await fateOf(run('large 1000001')), 'FMS_ERR_RESPONSE')
    t.equal(await fateOf(run('respond 200 [["a b","value"]]')), 'FMS_ERR_RESPONSE')
    t.equal(await fateOf(run('respond 200 [["name","a\\nb"]]')), 'FMS_ERR_RESPONSE')
    t.match(tenant.entries, [1, 2, 3].map(() => ({ code: 'FMS_ERR_RESPONSE', api: 'api', requestId: 'request', module: 'module', version: 'v1', level: 'error' })))
  })
})

t.test('tenants of one admin share a cell, admins never do', async t => {
  const { pool } = build(t)
  const pidOf = async (...[owner, more]: Parameters<typeof fellow>) => valueOf(await pool.call(callOf(fellow(owner, more), 'pid')))
  const shared = await pidOf('one')
  t.equal(await pidOf('two'), shared)
  const other = await pidOf('three', { admin: 'other' })
  t.not(other, shared)
  t.equal(await pidOf('four', { admin: 'other' }), other)
})

t.test('who asks for a cell of their own has one', async t => {
  const { pool } = build(t)
  const tenants = [fellow('shared'), fellow('dedicated', { isolation: 'dedicated' }), fellow('hardened', { isolation: 'hardened' }), fellow('large', { limit: { memoryMb: 256 } })]
  const pids = await Promise.all(tenants.map(async tenant => valueOf(await pool.call(callOf(tenant, 'pid')))))
  t.equal(new Set(pids).size, 4)
  const use = (owner: string) => pool.status().cells.find(cell => cell.owner === owner)?.use
  t.strictSame([use('dedicated'), use('hardened'), use('large')], ['dedicated', 'hardened', 'dedicated'])
})

t.test('one cell stands by, belongs to nobody, and is used next', async t => {
  const { pool, started } = build(t)
  t.equal(started.length, 0, 'nothing starts before the first call')
  await pool.call(callOf(fellow('one'), 'pid'))
  const standby = await until(() => pool.status().cells.find(({ use }) => use === 'standby'))
  t.equal(valueOf(await pool.call(callOf(fellow('two', { admin: 'other' }), 'pid'))), standby.pid)
  const next = await until(() => pool.status().cells.find(({ use }) => use === 'standby'))
  t.not(next.pid, standby.pid)
  process.kill(next.pid, 'SIGKILL')
  await until(() => !pool.status().cells.some(({ use }) => use === 'standby'))
  t.type(valueOf(await pool.call(callOf(fellow('three', { admin: 'third' }), 'pid'))), 'number', 'one that died in stock is nobody\'s trouble')
})

t.test('a tenant that holds its cell gets it, and its neighbours move', async t => {
  const { pool } = build(t)
  const [holder, neighbour] = [fellow('holder', { limit: { turnMs: 5_000 } }), fellow('neighbour')]
  const pid = valueOf(await pool.call(callOf(holder, 'pid')))
  await pool.call(callOf(neighbour, 'count'))
  await standby(pool)
  const begun = pool.call(callOf(neighbour, 'wait 10', { method: 'POST' }))
  const safe = pool.call(callOf(neighbour, 'wait 10'))
  await roundTrip(pool, neighbour)
  let held = true
  const holding = pool.call(callOf(holder, 'spin 3000')).finally(() => { held = false })
  const waiting = [pool.call(callOf(neighbour, 'pid', { method: 'POST' })), pool.call(callOf(neighbour, 'pid'))]
  for (const outcome of await Promise.all(waiting)) t.not(valueOf(outcome), pid)
  t.equal(valueOf(await safe), 'waited', 'what had begun and is safe was repeated')
  t.ok(held, 'all that while it was held')
  t.match(await until(() => pool.status().cells.find(({ owner }) => owner === 'holder')), { pid, use: 'dedicated' })
  t.equal(valueOf(await begun), 'waited', 'what had begun and is not safe was answered by the old cell')
  t.equal(valueOf(await holding), 'span')
  t.equal(valueOf(await pool.call(callOf(holder, 'pid'))), pid, 'it stays')
  t.not(valueOf(await pool.call(callOf(fellow('third'), 'pid'))), pid, 'nobody else comes')
  t.strictSame(pool.status().kills, { timeout: 0, memory: 0, crash: 0, garbage: 0 })
})

t.test('calls that were moved run once, whenever the turn ends', async t => {
  const { pool, started } = build(t, { room: { cells: 20, confined: 20 } })
  const neighbours = ['one', 'two'].map(owner => fellow(owner))
  const notes: string[] = []
  for (let i = 0; i < 20; i++) {
    const holder = fellow(`holder-${i}`, { limit: { turnMs: 5_000 } })
    await Promise.all([holder, ...neighbours].map(tenant => roundTrip(pool, tenant)))
    const note = (tenant: typeof holder) => {
      notes.push(String(notes.length))
      return pool.call(callOf(tenant, `note ${notes.at(-1)}`, { method: 'POST' }))
    }
    // Before it in the same tick, after it in the same tick, in the next; and it ends about when neighbours are moved.
    const before = note(neighbours[0]!)
    const holding = pool.call(callOf(holder, `spin ${i < 19 ? 50 + i * 6 : 1_500}`, { method: 'POST' }))
    const after = [...neighbours, ...neighbours].map(note)
    await delay(i)
    const later = neighbours.map(note)
    await Promise.all([before, holding, ...after, ...later])
  }
  await until(() => started.map(walled => walled.lastWords()).join(' ').trim().split(/\s+/).length >= notes.length)
  const ran = started.flatMap(walled => walled.lastWords().trim().split(/\s+/)).filter(word => word !== '')
  t.strictSame(ran.sort(), notes.sort(), 'each once')
  t.ok(pool.status().cells.some(({ use }) => use === 'dedicated'), 'and some were moved')
})

t.test('a turn that does not end', async t => {
  const { pool, warnings } = build(t)
  const [offender, neighbour] = [fellow('offender'), fellow('neighbour')]
  const pid = valueOf(await pool.call(callOf(offender, 'pid')))
  await roundTrip(pool, neighbour)
  await standby(pool)
  const begun = pool.call(callOf(neighbour, 'never', { method: 'POST' }))
  const safe = pool.call(callOf(neighbour, 'wait 700'))
  await roundTrip(pool, neighbour)
  const started = performance.now()
  t.equal(await fateOf(pool.call(callOf(offender, 'hang', { method: 'POST' }))), 'FMS_ERR_TIMEOUT')
  t.ok(performance.now() - started < 5_000)
  const error = await begun.catch(error => error)
  t.match(error, { code: 'FMS_ERR_UNAVAILABLE', headers: { 'retry-after': '1' } }, 'what may not be repeated says so')
  t.equal(valueOf(await safe), 'waited', 'what may, is')
  t.equal(pool.status().kills.timeout, 1)
  t.match(warnings, [/a turn ran for more than 300 ms/])
  t.match(offender.entries, [{ code: 'FMS_ERR_TIMEOUT' }, { code: 'FMS_ERR_TIMEOUT', api: 'api' }])
  const [next,, alone] = valueOf(await pool.call(callOf(offender, 'echo'))) as unknown[]
  t.not(next, pid)
  t.equal(alone, true, 'its calls cross one at a time now')
  t.not(valueOf(await pool.call(callOf(neighbour, 'pid'))), next, 'and it has a cell of its own')
})

t.test('of several calls in such a turn, the safe ones are repeated once', async t => {
  const { pool } = build(t)
  const offender = fellow('offender')
  await roundTrip(pool, offender)
  const calls = [callOf(offender, 'echo before'), callOf(offender, 'hang'), callOf(offender, 'echo after'), callOf(offender, 'echo unsafe', { method: 'POST' })]
  const fates = await Promise.all(calls.map(call => fateOf(pool.call(call))))
  t.match(fates[1], 'FMS_ERR_TIMEOUT', 'the one whose fault it is')
  t.equal(fates[3], 'FMS_ERR_UNAVAILABLE')
})

t.test('an isolate that ends by itself', async t => {
  const { pool } = build(t)
  const [tenant, neighbour] = [fellow('tenant'), fellow('neighbour')]
  await Promise.all([roundTrip(pool, tenant), roundTrip(pool, neighbour)])
  const pid = valueOf(await pool.call(callOf(neighbour, 'pid')))
  t.equal(await fateOf(pool.call(callOf(tenant, 'fail timeout'))), 'FMS_ERR_TIMEOUT')
  t.equal(await fateOf(pool.call(callOf(fellow('second'), 'fail memory'))), 'FMS_ERR_CRASH')
  t.equal(await fateOf(pool.call(callOf(fellow('third'), 'fail crash'))), 'FMS_ERR_CRASH')
  t.equal(valueOf(await pool.call(callOf(neighbour, 'pid'))), pid, 'leaves its neighbours alone')
  t.strictSame(pool.status().kills, { timeout: 1, memory: 1, crash: 1, garbage: 0 })
  const several = ['fail memory', 'echo 1', 'echo 2'].map(command => fateOf(pool.call(callOf(neighbour, command))))
  t.match(await Promise.all(several), ['FMS_ERR_CRASH', Array, Array], 'those in its turn are repeated')
})

t.test('a module that does not load', async t => {
  const { pool } = build(t)
  await t.test('because it throws: fails each call at once, for a while', async t => {
    const tenant = fellow('tenant')
    const module = moduleOf(tenant, 'throws')
    const calls = Array.from({ length: 3 }, () => pool.call(callOf(tenant, 'echo', { module })).catch(error => error))
    for (const error of await Promise.all(calls)) t.match(error, { code: 'FMS_ERR_CRASH', message: /the module did not load: it throws/ })
    t.equal(await fateOf(pool.call(callOf(tenant, 'echo', { module }))), 'FMS_ERR_CRASH')
    t.equal(pool.status().isolates, 0)
  })
  await t.test('because it never ends: fails the call, after one more try at most', async t => {
    const tenant = fellow('endless')
    t.equal(await fateOf(pool.call(callOf(tenant, 'echo', { module: moduleOf(tenant, 'loops'), method: 'POST' }))), 'FMS_ERR_TIMEOUT')
    t.ok(pool.status().kills.timeout <= 2)
  })
  await t.test('because its script cannot be read', async t => {
    const tenant = fellow('unread')
    const module = { ...moduleOf(tenant), script: async () => { throw new Error('no such file') } }
    const error = await pool.call(callOf(tenant, 'echo', { module })).catch(error => error)
    t.match(error, { code: 'FMS_ERR_UNAVAILABLE', message: /no such file/ })
  })
})

t.test('a cell that ends', async t => {
  const { pool } = build(t)
  const [offender, neighbour] = [fellow('offender'), fellow('neighbour')]
  for (const [command, reason] of [['exit 7', 'crash'], ['say x FATAL ERROR: JavaScript heap out of memory', 'memory'], ['close', 'crash']] as const) {
    const before = pool.status().kills[reason]
    await roundTrip(pool, neighbour)
    const fate = fateOf(pool.call(callOf(offender, command)))
    t.equal(await fate, 'FMS_ERR_CRASH', command)
    t.equal(pool.status().kills[reason], before + 1, reason)
    t.match(await fateOf(pool.call(callOf(neighbour, 'echo'))), Array, 'others go on')
  }
})

t.test('a cell that is silent', async t => {
  const { pool } = build(t)
  const tenant = fellow('tenant')
  await roundTrip(pool, tenant)
  t.equal(await fateOf(pool.call(callOf(tenant, 'stop', { method: 'POST' }))), 'FMS_ERR_TIMEOUT', 'in a turn')
  t.equal(await fateOf(pool.call(callOf(tenant, 'freeze', { method: 'POST' }))), 'FMS_ERR_CRASH', 'between turns')
  t.match(await fateOf(pool.call(callOf(tenant, 'echo'))), Array)
})

t.test('memory', async t => {
  await t.test('of a cell: the one who took it is named', async t => {
    const { pool } = build(t, { room: { sharedBytes: 150e6 } })
    const [offender, neighbour] = [fellow('offender', { limit: { memoryMb: 70, turnMs: 5_000 } }), fellow('neighbour')]
    await roundTrip(pool, neighbour)
    const waiting = pool.call(callOf(neighbour, 'wait 1500'))
    await pool.call(callOf(offender, 'keep 60'))
    t.equal(pool.status().kills.memory, 0)
    t.match(await fateOf(pool.call(callOf(offender, 'keep 180'))), /kept|FMS_ERR_CRASH/)
    t.equal(valueOf(await waiting), 'waited')
    t.equal(pool.status().kills.memory, 1)
    t.match(offender.entries, [{ code: 'FMS_ERR_CRASH' }])
    t.strictSame(neighbour.entries, [])
  })
  await t.test('of an isolate: it goes alone', async t => {
    const { pool } = build(t)
    const [offender, neighbour] = [fellow('offender', { limit: { memoryMb: 16 } }), fellow('neighbour')]
    await roundTrip(pool, neighbour)
    const pid = valueOf(await pool.call(callOf(neighbour, 'pid')))
    await pool.call(callOf(offender, 'keep 30'))
    t.equal(await fateOf(pool.call(callOf(offender, 'never', { method: 'POST' }))), 'FMS_ERR_CRASH')
    t.equal(valueOf(await pool.call(callOf(neighbour, 'pid'))), pid)
    t.strictSame(pool.status().kills, { timeout: 0, memory: 1, crash: 0, garbage: 0 })
  })
})

t.test('a call ends', async t => {
  const { pool } = build(t)
  const tenant = fellow('tenant')
  await roundTrip(pool, tenant)
  await t.test('at its deadline', async t => {
    t.equal(await fateOf(pool.call(callOf(tenant, 'never', { deadline: performance.now() + 100 }))), 'FMS_ERR_TIMEOUT')
    t.match(tenant.entries, [{ code: 'FMS_ERR_TIMEOUT', api: 'api', requestId: 'request' }])
  })
  await t.test('when it is cancelled, with the reason given', async t => {
    const call = callOf(tenant, 'wait 50')
    const reason = new Error('the client left')
    const answer = pool.call(call)
    await roundTrip(pool, tenant)
    pool.cancel(call, reason)
    await t.rejects(answer, reason)
    pool.cancel(call, reason)
    await pool.call(callOf(tenant, 'wait 100'))
    t.equal(pool.status().kills.garbage, 0, 'its answer came, and was no garbage')
  })
  await t.test('also while it waits for a cell', async t => {
    const { pool } = build(t, { core: () => 'silent' })
    t.equal(await fateOf(pool.call(callOf(tenant, 'echo', { deadline: performance.now() + 50 }))), 'FMS_ERR_TIMEOUT')
    const call = callOf(tenant, 'echo')
    const answer = pool.call(call)
    pool.cancel(call, new Error('enough'))
    await t.rejects(answer, new Error('enough'))
  })
})

t.test('isolates', async t => {
  await t.test('that were not used for longest make room for others', async t => {
    const { pool } = build(t, { room: { isolates: 3 } })
    const tenants = ['a', 'b', 'c', 'd'].map(owner => fellow(owner))
    const busy = pool.call(callOf(tenants[0]!, 'wait 300'))
    for (const tenant of tenants) await roundTrip(pool, tenant)
    await roundTrip(pool, tenants[3]!)
    await until(() => pool.status().isolates === 3)
    t.equal(valueOf(await busy), 'waited', 'not those that are used')
  })
  await t.test('of a version that is retired go when they are idle', async t => {
    const { pool } = build(t)
    const tenant = fellow('tenant')
    const call = callOf(tenant, 'wait 100')
    const answer = pool.call(call)
    await roundTrip(pool, tenant)
    pool.retire(call.module)
    t.equal(valueOf(await answer), 'waited')
    await pool.call(callOf(fellow('other'), 'wait 1500'))
    t.equal(pool.status().isolates, 1)
  })
  await t.test('are made anew when the tenant\'s limits change', async t => {
    const { pool } = build(t)
    const module = moduleOf(fellow('tenant'))
    const run = (limit: object) => pool.call(callOf(fellow('tenant', { limit }), 'echo', { module }))
    await run({})
    await run({})
    t.equal(pool.status().isolates, 1)
    await run({ turnMs: 200 })
    await until(() => pool.status().isolates === 1)
  })
})

t.test('cells that do not start', async t => {
  let core = 'exit'
  const { pool, warnings, started } = build(t, { core: () => core })
  const tenant = fellow('tenant')
  const error = await pool.call(callOf(tenant, 'echo')).catch(error => error)
  t.match(error, { code: 'FMS_ERR_UNAVAILABLE', headers: { 'retry-after': '1' } })
  t.match(warnings, [/did not start; the next try is in 0.25 s: the cell exited with code 3/])
  const refused = await Promise.all(Array.from({ length: 20 }, () => fateOf(pool.call(callOf(tenant, 'echo')))))
  t.ok(refused.every(fate => fate === 'FMS_ERR_UNAVAILABLE'))
  t.equal(started.length, 1, 'are not tried for every call')
  core = 'ready'
  await until(async () => Array.isArray(await fateOf(pool.call(callOf(tenant, 'echo')))))
  t.pass('are tried again')
})

t.test('an ending process explains itself', async t => {
  for (const [core, words] of [['fail', /the fake has nothing to say/], ['version', /READY of version 2; expected 1/]] as const) {
    const { pool, warnings } = build(t, { core: () => core })
    t.equal(await fateOf(pool.call(callOf(fellow('tenant'), 'echo'))), 'FMS_ERR_UNAVAILABLE')
    t.match(warnings[0], words)
  }
})

t.test('offenders', async t => {
  const { pool } = build(t, { room: { confined: 2, cells: 8 } })
  const offenders = ['a', 'b', 'c', 'd'].map(owner => fellow(owner))
  for (const offender of offenders) t.equal(await fateOf(pool.call(callOf(offender, 'fail timeout'))), 'FMS_ERR_TIMEOUT')
  const busy = offenders.map(offender => callOf(offender, 'never'))
  const fates = busy.map(call => fateOf(pool.call(call)))
  const pids = await Promise.all(offenders.map(async offender => valueOf(await pool.call(callOf(offender, 'pid')))))
  t.equal(new Set(pids).size, 3, 'get a few cells, and one in common')
  t.not(pids.includes(valueOf(await pool.call(callOf(fellow('quiet'), 'pid')))), true, 'apart from the others')
  for (const call of busy) pool.cancel(call, new Error('enough'))
  t.match(await Promise.all(fates), busy.map(() => ({ message: 'enough' })))
})

t.test('when all cells are busy, a new one is refused, and an idle one makes room', async t => {
  const { pool } = build(t, { room: { cells: 3 } })
  const busy = ['a', 'b'].map(admin => fellow(admin, { admin }))
  const waiting = busy.map(tenant => pool.call(callOf(tenant, 'wait 1000')))
  await Promise.all(busy.map(tenant => roundTrip(pool, tenant)))
  t.equal(await fateOf(pool.call(callOf(fellow('c', { admin: 'c' }), 'echo'))), 'FMS_ERR_UNAVAILABLE')
  await Promise.all(waiting)
  t.match(await fateOf(pool.call(callOf(fellow('c', { admin: 'c' }), 'echo'))), Array)
})

t.test('logs go to the owner, with the call\'s names, and are cut', async t => {
  const { pool } = build(t)
  const tenant = fellow('tenant', { limit: { logBytes: 1_000 } })
  await pool.call(callOf(tenant, 'log hello', { api: 'greet', requestId: 'r-1' }))
  t.match(tenant.entries, [{ level: 'warn', message: 'hello', api: 'greet', requestId: 'r-1', module: 'module', version: 'v1' }])
  for (let i = 0; i < 300; i++) await pool.call(callOf(tenant, `log ${'x'.repeat(100)}`))
  t.ok(tenant.entries.length < 200)
  t.ok(tenant.entries.some(({ message }) => message.startsWith('log cut')))
})

t.test('close', async t => {
  await t.test('refuses calls, and leaves no process', async t => {
    const { pool, started } = build(t)
    const tenant = fellow('tenant')
    await roundTrip(pool, tenant)
    const under = fateOf(pool.call(callOf(tenant, 'never')))
    const hanging = fateOf(pool.call(callOf(fellow('other'), 'hang')))
    await pool.close()
    t.strictSame([await under, await hanging], ['FMS_ERR_UNAVAILABLE', 'FMS_ERR_UNAVAILABLE'])
    t.equal(await fateOf(pool.call(callOf(tenant, 'echo'))), 'FMS_ERR_UNAVAILABLE')
    await until(() => !started.some(({ pid }) => isAlive(pid)))
    t.strictSame(pool.status().cells, [])
  })
  await t.test('while cells start', async t => {
    const { pool, started } = build(t)
    const answer = fateOf(pool.call(callOf(fellow('tenant'), 'echo')))
    await pool.close()
    t.equal(await answer, 'FMS_ERR_UNAVAILABLE')
    await until(() => !started.some(({ pid }) => isAlive(pid)))
  })
  await t.test('may be forgotten: the process ends, and its cells with it', async t => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'fake-app.ts')], { timeout: 20_000 })
    t.match(stdout, /^answered \d+\n$/)
    const pid = Number(/\d+/.exec(stdout)![0])
    await until(() => !isAlive(pid))
  })
})

t.test('the sandbox of a process', async t => {
  const options = { weakened: true, production: false, memoryMb: 512, log: { warn () {}, error () {} } }
  const [one, two] = await Promise.all([Sandbox.acquire(options), Sandbox.acquire({ ...options })])
  t.teardown(() => Promise.all([one.release(), two.release()]))
  const tenant = fellow('tenant')
  const module = moduleOf(tenant, `
    const { endpoint } = require('fastify-microservices')
    let calls = 0
    exports.count = endpoint({ method: 'GET' }, () => ++calls)
    exports.spin = endpoint({ method: 'GET' }, () => { for (;;); })
    exports.native = endpoint({ method: 'GET' }, () => [].indexOf.call({ length: 2 ** 53 - 1 }, 1))`)
  const run = (sandbox: Sandbox, name: string) => {
    const text = JSON.stringify({ function: name, query: {}, params: {}, method: 'GET', path: '/', headers: {}, api: name, requestId: 'r' })
    return fateOf(sandbox.call({ ...callOf(tenant, ''), module, text }))
  }
  await t.test('is one, whoever asks for it', async t => {
    t.strictSame([await run(one, 'count'), await run(two, 'count')], [1, 2])
    t.strictSame(one.status().cells.map(({ pid }) => pid), two.status().cells.map(({ pid }) => pid))
    await t.rejects(Sandbox.acquire({ ...options, memoryMb: 256 }), { code: 'FMS_ERR_OPTIONS', message: /expected .*memoryMb 512, found 256/ })
  })
  await t.test('ends what runs too long, in V8 and where V8 cannot', async t => {
    t.equal(await run(one, 'spin'), 'FMS_ERR_TIMEOUT')
    t.equal(await run(one, 'native'), 'FMS_ERR_TIMEOUT')
    t.equal(await run(one, 'count'), 1, 'and begins anew')
    t.equal(one.status().kills.timeout, 2)
  })
  await t.test('ends with the last of them', async t => {
    await one.release()
    t.equal(await run(two, 'count'), 2)
    await one.release()
    t.equal(await run(two, 'count'), 3, 'to release it twice counts once')
    await two.release()
    t.strictSame(two.status().cells, [])
    const next = await Sandbox.acquire({ ...options, memoryMb: 256 })
    await next.release()
  })
})

/** Waits until something is there. */
async function until<Value> (look: () => Value | Promise<Value>): Promise<NonNullable<Value>> {
  for (const end = performance.now() + 10_000; performance.now() < end;) {
    const value = await look()
    if (value !== undefined && value !== false) return value as NonNullable<Value>
    await delay(10)
  }
  throw new Error('it did not come')
}

type Pool = ReturnType<typeof build>['pool']

async function standby (pool: Pool): Promise<void> {
  await until(() => pool.status().cells.some(({ use }) => use === 'standby'))
}

/** Whatever was sent before has reached the cell. */
async function roundTrip (pool: Pool, tenant: ReturnType<typeof fellow>): Promise<void> {
  await pool.call(callOf(tenant, 'echo'))
}

function isAlive (pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
