import t from 'tap'
import { ToHost } from '../../lib/sandbox/protocol.ts'
import { build, callOf, fateOf, fellow } from './fake-pool.ts'

/* A cell that was taken over may send anything. Whatever it sends, each call ends, and the app goes on. */

const hex = (type: number, id: number, payload: string | Buffer = '', length?: number): string => {
  const body = Buffer.from(payload)
  const head = Buffer.alloc(9)
  head.writeUInt32LE(length ?? body.length, 0)
  head[4] = type
  head.writeUInt32LE(id, 5)
  return Buffer.concat([head, body]).toString('hex')
}

const json = (value: unknown): string => JSON.stringify(value)

/** What the fake is told to do, all of which must end the cell. */
const garbage: Record<string, string> = {
  'no frame at all': `raw ${Buffer.from('HTTP/1.1 200 OK\r\n\r\n').toString('hex')}`,
  'a huge length': `raw ${hex(ToHost.RESULT, 1, '', 0xffff_ffff)}`,
  'a frame of its own invention': `raw ${hex(99, 1)}`,
  'a frame that only the host sends': `raw ${hex(1, 1)}`,
  'READY again': `raw ${hex(ToHost.READY, 1)}`,
  'a result for a call of another': `raw ${hex(ToHost.RESULT, 4_000, '\x01{}')}`,
  'two results for one call': 'twice',
  'an empty result': `frame ${ToHost.RESULT} call`,
  'a result of unknown kind': `frame ${ToHost.RESULT} call \x09`,
  'nothing, with something': `frame ${ToHost.RESULT} call \x02x`,
  'a response without a head': `frame ${ToHost.RESULT} call \x03`,
  'a response with a head that is too long': `frame ${ToHost.RESULT} call \x03\x7f\x7f\x7f\x7f{}`,
  'a response with a head that is no JSON': `frame ${ToHost.RESULT} call \x03\x02\x00\x00\x00{]`,
  'a response with a string for its status': 'respond 0 [["a","b"]]',
  'a response with headers of another form': 'respond 200 [["a"]]',
  'an error that is no JSON': `frame ${ToHost.RESULT} call \x04{`,
  'an error that is no object': `frame ${ToHost.RESULT} call \x04[]`,
  'an error of unknown kind': `frame ${ToHost.RESULT} call \x04${json({ kind: 'fatal', message: '' })}`,
  'an error without a message': `frame ${ToHost.RESULT} call \x04${json({ kind: 'thrown' })}`,
  'an error with a status that is a string': `frame ${ToHost.RESULT} call \x04${json({ kind: 'thrown', message: '', statusCode: '500' })}`,
  'an error with a stack that is an object': `frame ${ToHost.RESULT} call \x04${json({ kind: 'thrown', message: '', stack: {} })}`,
  'an error with other validation': `frame ${ToHost.RESULT} call \x04${json({ kind: 'arguments', message: '', validation: [1] })}`,
  'the end of an isolate that it does not have': `raw ${hex(ToHost.FAILED, 4_000, json({ reason: 'memory', message: '', begun: [], turn: [] }))}`,
  'an end for no reason': `frame ${ToHost.FAILED} isolate ${json({ reason: 'boredom', message: '', begun: [], turn: [] })}`,
  'an end of calls that are none': `frame ${ToHost.FAILED} isolate ${json({ reason: 'memory', message: '', begun: ['1'], turn: [-1] })}`,
  'a log of an isolate that it does not have': `raw ${hex(ToHost.LOG, 4_000, '[]')}`,
  'a log that is no array': `frame ${ToHost.LOG} isolate {}`,
  'a log entry of unknown level': `frame ${ToHost.LOG} isolate ${json([{ level: 'panic', text: '', call: 0 }])}`,
  'a log entry that is null': `frame ${ToHost.LOG} isolate [null]`,
  'a PONG without PING': `raw ${hex(ToHost.PONG, 77)}`,
  'a measure that nobody asked for': `raw ${hex(ToHost.MEASURED, 77, '[]')}`
}

t.test('what is no answer ends the cell, and neighbours are answered', async t => {
  const { pool } = build(t)
  const [attacker, neighbour] = [fellow('attacker'), fellow('neighbour')]
  for (const [name, command] of Object.entries(garbage)) {
    await pool.call(callOf(attacker, 'echo'))
    const before = pool.status().kills.garbage
    const waiting = pool.call(callOf(neighbour, 'wait 20'))
    // Answered or not: what counts is that it has an end.
    await fateOf(pool.call(callOf(attacker, command, { method: 'POST' })))
    t.ok(await until(() => pool.status().kills.garbage === before + 1), name)
    t.equal(await fateOf(waiting), 'waited')
  }
})

t.test('half an answer is no trouble', async t => {
  const { pool } = build(t)
  // Whatever follows makes it whole, as garbage or as an answer of the tenant's own; nothing does where the cell is quiet.
  await fateOf(pool.call(callOf(fellow('tenant'), 'half', { method: 'POST', deadline: performance.now() + 300 })))
  t.match(await fateOf(pool.call(callOf(fellow('other'), 'echo'))), Array)
})

t.test('a failure that names calls of others takes none of them', async t => {
  const { pool } = build(t)
  const [attacker, neighbour] = [fellow('attacker'), fellow('neighbour')]
  const waiting = pool.call(callOf(neighbour, 'wait 200', { method: 'POST' }))
  await pool.call(callOf(neighbour, 'echo'))
  const all = Array.from({ length: 50 }, (_, i) => i)
  const command = `frame ${ToHost.FAILED} isolate ${json({ reason: 'memory', message: '', begun: all, turn: all })}`
  t.equal(await fateOf(pool.call(callOf(attacker, command))), 'FMS_ERR_CRASH')
  t.equal(await fateOf(waiting), 'waited')
})

t.test('random bytes', async t => {
  const { pool } = build(t)
  const random = generator(20_261_124)
  const below = (most: number): number => Math.floor(random() * most)
  for (let round = 0; round < 40; round++) {
    const [attacker, neighbour] = [fellow(`attacker ${round}`), fellow('neighbour')]
    const frames = Array.from({ length: 1 + below(4) }, () => {
      const payload = Buffer.from(Array.from({ length: below(40) }, () => below(256)))
      return random() < 0.2 ? payload.toString('hex') : hex(random() < 0.8 ? 32 + below(8) : below(256), below(12), payload)
    })
    const deadline = performance.now() + 300
    const calls = [...frames.map(frame => `raw ${frame}`), 'echo', 'never'].map(command => pool.call(callOf(attacker, command, { deadline })))
    const other = pool.call(callOf(neighbour, 'echo', { deadline: performance.now() + 10_000 }))
    for (const call of calls) t.ok(['object', 'string', 'number'].includes(typeof await fateOf(call)))
    const fate = await fateOf(other)
    t.ok(Array.isArray(fate) || fate === 'FMS_ERR_UNAVAILABLE', 'a neighbour is answered, or told to come again')
  }
  t.match(await fateOf(pool.call(callOf(fellow('last'), 'echo'))), Array, 'the pool goes on')
})

/** Numbers that are the same in each run. (A linear congruential generator, of Numerical Recipes.) */
function generator (seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

async function until (look: () => boolean): Promise<boolean> {
  for (const end = performance.now() + 10_000; performance.now() < end && !look();) await new Promise(resolve => setImmediate(resolve))
  return look()
}
