import { PassThrough, Duplex } from 'node:stream'
import t from 'tap'
import type { Carrier, Home, Isolate } from '../../lib/sandbox/pool/call.ts'
import { Pending } from '../../lib/sandbox/pool/call.ts'
import { Allowance } from '../../lib/sandbox/pool/allowance.ts'
import type { Cell } from '../../lib/sandbox/pool/cell.ts'
import { FrameReader } from '../../lib/sandbox/pool/frames.ts'
import { begunBy, readMark, runningIn, type Mark } from '../../lib/sandbox/pool/mark.ts'
import { Offences } from '../../lib/sandbox/pool/offences.ts'
import { Outbox } from '../../lib/sandbox/pool/outbox.ts'
import { encodeFrame, ToCell, ToHost, type Frame } from '../../lib/sandbox/protocol.ts'
import { place, roomFor } from '../../lib/sandbox/pool/placement.ts'
import { processorOf } from '../../lib/sandbox/pool/processor.ts'
import { Pulse } from '../../lib/sandbox/pool/pulse.ts'
import type { Rescue } from '../../lib/sandbox/pool/rescue.ts'
import { Saturation } from '../../lib/sandbox/pool/saturation.ts'
import { tidy } from '../../lib/sandbox/pool/upkeep.ts'
import { judge, type Loss } from '../../lib/sandbox/pool/verdict.ts'
import { callOf, fellow, moduleOf } from './fake-pool.ts'

t.test('frames are found however the bytes come', async t => {
  const frames = [encodeFrame(ToHost.READY, 1), encodeFrame(ToHost.RESULT, 2, 'x'.repeat(3_000)), encodeFrame(ToHost.LOG, 3, '[]'), encodeFrame(ToHost.PONG, 4)]
  const bytes = Buffer.concat(frames)
  for (const size of [1, 2, 7, 9, 10, 64, 2_000, bytes.length]) {
    const reader = new FrameReader()
    const found: Frame[] = []
    for (let start = 0; start < bytes.length; start += size) reader.read(bytes.subarray(start, start + size), frame => found.push(frame))
    t.strictSame(found.map(({ type, id, payload }) => encodeFrame(type, id, payload)), frames, `${size} at a time`)
  }
})

t.test('frames that may not be are refused before their bytes are there', async t => {
  const refused = (type: number, length: number) => {
    const header = encodeFrame(type, 1)
    header.writeUInt32LE(length, 0)
    t.throws(() => new FrameReader().read(header, () => {}), { message: /^a frame of / }, `${type} of ${length}`)
  }
  for (const type of [0, 1, 8, 31, 39, 255]) refused(type, 0)
  for (const type of Object.values(ToHost)) refused(type, 0xffff_ffff)
  refused(ToHost.PONG, 1)
})

t.test('what goes out', async t => {
  const socket = new PassThrough()
  const writes: Buffer[] = []
  socket.on('data', chunk => writes.push(chunk))
  const outbox = new Outbox(socket)
  const sent: string[] = []
  const call = (id: number, text: string): void => {
    outbox.call(id, 7, JSON.stringify({ text }))
    sent.push(`${ToCell.CALL} ${id} 7 ${JSON.stringify({ id, text })}`)
  }
  call(1, 'first')
  outbox.frame(ToCell.PING, 2)
  sent.push(`${ToCell.PING} 2`)
  call(3, 'ünï→😀 \ud800'.toWellFormed())
  call(4, 'large '.repeat(20_000))
  for (let i = 5; i < 500; i++) call(i, '€'.repeat(i))
  await new Promise(resolve => setImmediate(resolve))
  await new Promise(resolve => setImmediate(resolve))
  const found: string[] = []
  let bytes = Buffer.concat(writes)
  while (bytes.length > 0) {
    const end = 9 + bytes.readUInt32LE(0)
    const payload = bytes.subarray(9, end)
    const [type, id] = [bytes[4]!, bytes.readUInt32LE(5)]
    found.push(type === ToCell.CALL ? `${type} ${id} ${payload.readUInt32LE(0)} ${payload.toString('utf8', 4)}` : `${type} ${id}`)
    bytes = bytes.subarray(end)
  }
  t.strictSame(found, sent, 'all of it, in order')
})

t.test('a cell that reads nothing is full at some time', async t => {
  const outbox = new Outbox(new Duplex({ read () {}, write () {} }))
  const text = JSON.stringify('x'.repeat(8_000_000))
  for (let i = 0; i < 20 && !outbox.full; i++) {
    outbox.call(i, 1, `{${text}:1}`)
    await new Promise(resolve => setImmediate(resolve))
  }
  t.ok(outbox.full)
})

/** Isolates a, b, c of three tenants, and calls by number. */
function scene () {
  const homes = ['a', 'b', 'c'].map((owner): Home => {
    const tenant = fellow(owner)
    return { tenant, module: moduleOf(tenant), isolate: undefined, queue: [], loading: false, failure: undefined, logged: { since: 0, bytes: 0 } }
  })
  const isolates = homes.map((home, i): Isolate => ({
    id: i + 1, home, cell: {} as Carrier, calls: 0, forgotten: 0, called: 0, answered: 0, bytes: 0, state: 'live'
  }))
  const [a, b, c] = isolates as [Isolate, Isolate, Isolate]
  const call = (id: number, isolate: Isolate, method = 'GET'): Pending => {
    const pending = new Pending(callOf(isolate.home.tenant, 'echo', { method }), () => {}, () => {})
    return Object.assign(pending, { id, isolate })
  }
  return { a, b, c, call }
}

t.test('the mark tells which calls may have begun', async t => {
  const { a, b, c, call } = scene()
  const calls = [call(5, a), call(11, a), call(12, b), call(13, c), call(14, b), call(15, a), call(21, b)]
  const begun = (mark: Mark, more: Pending[] = []) => [...calls, ...more].filter(begunBy(mark, [...calls, ...more])).map(({ id }) => id)
  t.strictSame(begun({ isolate: 0, turn: 3, before: 10, last: 20 }), [5, 11, 12, 13, 14, 15], 'between turns: all that was received')
  t.strictSame(begun({ isolate: 1, turn: 3, before: 10, last: 20 }), [5, 11, 15], 'the first of the tick: its own, and those before')
  t.strictSame(begun({ isolate: 2, turn: 3, before: 10, last: 20 }), [5, 11, 12, 14, 15], 'the second')
  t.strictSame(begun({ isolate: 3, turn: 3, before: 10, last: 20 }), [5, 11, 12, 13, 14, 15], 'the last')
  t.strictSame(begun({ isolate: 9, turn: 3, before: 10, last: 20 }), [5, 11, 12, 13, 14, 15], 'one that has no call, or that we do not know: all may have')
  t.strictSame(begun({ isolate: 2, turn: 3, before: 20, last: 20 }), [5, 11, 12, 13, 14, 15], 'a timer\'s turn')
  b.answered = 13
  t.strictSame(begun({ isolate: 1, turn: 3, before: 10, last: 20 }), [5, 11, 12, 14, 15], 'of one that has answered in this tick')
  t.strictSame(readMark(Buffer.alloc(3)), { isolate: 0, turn: 0, before: 0, last: 0 })
})

t.test('those that ran are those of the turn, else all that the isolate has begun', async t => {
  const { a, b, call } = scene()
  const calls = [call(5, a), call(6, b), call(11, a), call(12, a), call(21, a)]
  const running = (before: number, last: number) => runningIn(a, { isolate: 1, turn: 1, before, last }, calls).map(({ id }) => id)
  t.strictSame(running(10, 20), [11, 12])
  t.strictSame(running(20, 20), [5, 11, 12])
})

interface Situation { begun?: boolean, running?: Pending[], offender?: Isolate, repeated?: boolean, moves?: number }

t.test('what becomes of a call whose cell is gone', async t => {
  const { a, b, call } = scene()
  const verdict = (pending: Pending, { begun = true, running = [] as Pending[], offender = a as Isolate | undefined, ...state }: Situation = {}) => {
    const loss: Loss = { reason: 'timeout', offends: ({ isolate }) => isolate === offender, begun: () => begun, running }
    return judge(Object.assign(pending, state), loss)
  }
  const unsafe = call(1, a, 'POST')
  const safe = call(2, a)
  await t.test('of the offender', async t => {
    t.equal(verdict(unsafe, { running: [unsafe] }), 'guilty')
    t.equal(verdict(safe, { running: [safe] }), 'guilty')
    t.equal(verdict(unsafe, { running: [safe, unsafe] }), 'unavailable')
    t.equal(verdict(safe, { running: [safe, unsafe] }), 'again')
    t.equal(verdict(safe, { running: [safe, unsafe], repeated: true }), 'guilty')
    t.equal(verdict(call(3, a), { running: [unsafe] }), 'again', 'that only waited')
    t.equal(verdict(call(3, a, 'POST'), { running: [unsafe] }), 'unavailable')
    t.equal(verdict(call(3, a, 'POST'), { begun: false }), 'again')
    t.equal(verdict(call(3, a, 'POST'), { begun: false, moves: 1 }), 'guilty')
    t.equal(verdict(call(3, a, 'POST'), { begun: false, running: [unsafe], moves: 1 }), 'again')
  })
  await t.test('of a neighbour', async t => {
    t.equal(verdict(call(3, b)), 'again')
    t.equal(verdict(call(3, b), { repeated: true }), 'unavailable')
    t.equal(verdict(call(3, b, 'POST')), 'unavailable')
    t.equal(verdict(call(3, b, 'POST'), { begun: false, moves: 2 }), 'again')
    t.equal(verdict(call(3, b, 'POST'), { begun: false, moves: 5 }), 'unavailable')
  })
})

t.test('a turn is held to be long only when the same one is seen again', async t => {
  const pulse = new Pulse()
  const beat = (now: number, isolate: number, turn: number, bytes = 0) =>
    pulse.beat(now, { mark: { isolate, turn, before: 0, last: 0 }, bytes, processor: () => undefined })
  t.match(beat(1_000, 1, 7), { silentMs: 0, turnMs: 0 })
  t.match(beat(1_025, 1, 7), { silentMs: 25, turnMs: 25 })
  t.match(beat(1_050, 2, 8), { silentMs: 50, turnMs: 0 }, 'another')
  t.match(beat(1_075, 2, 8), { silentMs: 75, turnMs: 25 })
  t.match(beat(1_100, 0, 8), { silentMs: 100, turnMs: 0 }, 'none')
  pulse.heard()
  t.match(beat(1_125, 2, 8), { silentMs: 0, turnMs: 0 }, 'it spoke')
  t.match(beat(1_150, 2, 8), { silentMs: 25, turnMs: 25 })
  t.match(beat(1_175, 3, 9, 50), { turnBytes: 0 })
  t.match(beat(1_200, 3, 9, 70), { turnBytes: 70 }, 'since the look before it')
  pulse.excuse()
  t.match(beat(9_000, 0, 8), { silentMs: 0, turnMs: 0 }, 'the host slept')
})

t.test('a cell that does not get the processor does not hold it', async t => {
  const pulse = new Pulse()
  const beat = (now: number, ranMs: number, sleeps = false, turn = 7) =>
    pulse.beat(now, { mark: { isolate: turn === 0 ? 0 : 1, turn, before: 0, last: 0 }, bytes: 0, processor: () => ({ ranMs, sleeps }) })
  beat(1_000, 500)
  t.match(beat(1_025, 501), { silentMs: 1, turnMs: 1, turnWallMs: 25 })
  t.match(beat(1_050, 521), { silentMs: 21, turnMs: 21, turnWallMs: 50 })
  t.match(beat(1_075, 521, true), { silentMs: 46, turnMs: 46 }, 'but who sleeps by themselves do')
  t.match(beat(1_100, 540, true), { silentMs: 65, turnMs: 65 })
  t.match(beat(1_125, 540, false, 0), { silentMs: 65, turnMs: 0 })
  t.match(beat(1_150, 540, true, 0), { silentMs: 90, turnMs: 0 }, 'silent without a turn')
  t.match(processorOf(process.pid), { ranMs: Number, sleeps: Boolean })
  t.equal(processorOf(2 ** 30), undefined)
})

t.test('a cell that has more to do than a core can, for seconds, shares with another where there may be one', async t => {
  const { a, b, c } = scene()
  const isolates = new Map([a, b, c].map(isolate => [isolate.id, isolate]))
  const dropped: number[] = []
  const cell = {
    purpose: { kind: 'shared', admin: 'admin' },
    ledger: { isolates, calls: new Map(), last: { call: 0 } },
    walled: { pid: 1, residentBytes: () => 0 },
    allowance: { bytes: Infinity, tighten: async () => {} },
    busyAt: 0,
    drop: (isolate: Isolate) => { dropped.push(isolate.id) },
    measure: () => {}
  } as unknown as Cell
  let ticks = 0
  const look = (second: number, used: number, room = { ...roomFor(1_024, 4) }): void => {
    ticks += used
    tidy([cell], second * 1_000, { room, saturation, rescue: {} as Rescue, isRetired: () => false, close: () => {} })
  }
  const saturation = new Saturation(() => ticks)
  for (const [second, used] of [[0, 0], [1, 100], [2, 90], [3, 50], [4, 100], [5, 100]] as const) look(second, used)
  t.strictSame([cell.saturated, dropped], [false, []], 'not for a peak')
  const stock = { cells: [cell], opening: [] }
  t.equal(place(fellow('new'), false, stock, roomFor(1_024, 4)), cell)
  look(6, 100)
  t.strictSame([cell.saturated, dropped], [true, [1]])
  t.strictSame(place(fellow('new'), false, stock, roomFor(1_024, 4)), { kind: 'shared', admin: 'admin' })
  t.equal(place(fellow('new'), false, stock, roomFor(1_024, 2)), cell, 'two cores have enough to do with one cell, and the app')
})

t.test('an offence is remembered for a time that doubles', async t => {
  const offences = new Offences()
  const tenant = fellow('tenant')
  t.equal(offences.of(tenant, 0), undefined)
  offences.add(tenant, 'hold', 0)
  t.match(offences.of(tenant, 59_999), { alone: false })
  t.equal(offences.of(fellow('other'), 0), undefined)
  t.equal(offences.of(fellow('tenant', { admin: 'other' }), 0), undefined)
  t.equal(offences.of(tenant, 60_001), undefined)
  offences.add(tenant, 'timeout', 70_000)
  t.match(offences.of(tenant, 70_000 + 119_999), { alone: true })
  t.equal(offences.of(tenant, 70_000 + 120_001), undefined)
  for (let i = 0; i < 20; i++) offences.add(tenant, 'memory', 200_000)
  t.ok(offences.of(tenant, 200_000 + 599_999))
  t.equal(offences.of(tenant, 200_000 + 600_001), undefined, 'ten minutes at most')
  offences.add(tenant, 'memory', 1e9)
  t.equal(offences.of(tenant, 1e9 + 60_001), undefined, 'and anew after a long quiet time')
  for (let i = 0; i < 20_000; i++) offences.add(fellow(`t${i}`), 'crash', 2e9)
  t.equal(offences.of(fellow('t1'), 2e9), undefined, 'the oldest make room')
})

t.test('who is there again and again when something happens is an offender', async t => {
  const offences = new Offences()
  const tenant = fellow('tenant')
  for (const now of [0, 40_000, 61_000]) offences.suspect(tenant, now)
  t.equal(offences.of(tenant, 61_000), undefined, 'not within a minute')
  offences.suspect(tenant, 70_000)
  offences.suspect(tenant, 80_000)
  t.match(offences.of(tenant, 80_000), { alone: true })
})

t.test('the kernel\'s limit follows the number of isolates', async t => {
  const set: number[] = []
  let present = 0
  const walled = { limitData: async (bytes: number) => { set.push(Math.round(bytes / 2 ** 20)) } }
  const options = { isHeld: true, hardened: false, present: () => present }
  const allowance = new Allowance(walled as never, options)
  await allowance.set(100 * 2 ** 20, true)
  const load = () => allowance.withRoom(() => ++present)
  await Promise.all([load(), load(), load(), load()])
  t.strictSame(set, [100 + 5 * 514], 'some come without a change, and there is room for the spare one')
  await Promise.all([load(), load(), load()])
  t.strictSame(set.slice(1), [100 + 12 * 514], 'those that come together are one change')
  present = 1
  await allowance.tighten()
  t.equal(set.at(-1), 100 + 6 * 514)
  present = 0
  const own = new Allowance(walled as never, options)
  await own.set(50 * 2 ** 20, false)
  t.equal(set.at(-1), 50 + 2 * 514)
  await new Allowance(walled as never, { ...options, hardened: true }).set(50 * 2 ** 20, false)
  t.equal(set.at(-1), 50)
  await new Allowance({} as never, { ...options, isHeld: false }).set(1, true)
})
