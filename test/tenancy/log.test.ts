import t from 'tap'
import { type EndedCall, OwnerLog, short } from '../../lib/tenancy/log.ts'
import { Logs, type Reader } from '../../lib/tenancy/logs.ts'
import type { NewLogEntry, OwnerLogEntry } from '../../types/status.ts'

function line (message: string, more: Partial<NewLogEntry> = {}): NewLogEntry {
  return { time: 1, level: 'warn', module: 'm', version: '1', message, ...more }
}

function addCall (log: OwnerLog, api: string, more: Partial<EndedCall> = {}): void {
  const call = { module: 'm', version: '1', api, method: 'GET', status: 200, milliseconds: 1, requestId: 'req-1', code: undefined, message: undefined }
  log.addCall({ id: log.nextId(), ...call, ...more })
}

function messages (entries: readonly OwnerLogEntry[]): string[] {
  return entries.map(({ message }) => message)
}

/** A reader that keeps what it is told. */
function reader (more: Partial<Reader> = {}): Reader & { readonly taken: OwnerLogEntry[], readonly ended: () => number } {
  const taken: OwnerLogEntry[] = []
  let ended = 0
  return { taken, ended: () => ended, take: entry => { taken.push(entry) }, mayStay: () => true, end: () => { ended++ }, ...more }
}

t.test('lines and calls stand in the order in which they were written, each with an id of its own', async t => {
  const log = new OwnerLog(1_000)
  const before = Date.now()
  log.add(line('one'))
  addCall(log, 'two')
  log.add(line('three', { code: 'FMS_ERR_TIMEOUT', api: 'four', requestId: 'req-2' }))
  addCall(log, 'four', { method: 'POST', status: 504, requestId: 'req-2', code: 'FMS_ERR_TIMEOUT', milliseconds: undefined })
  addCall(log, 'five', { status: 400, message: 'args/n must be integer' })
  const { entries } = log
  t.strictSame(messages(entries), ['one', 'GET two: 200', 'three', 'POST four: 504', 'GET five: 400 args/n must be integer'])
  t.strictSame(entries.map(({ id }) => id), entries.map(({ id }) => id).toSorted((a, b) => a - b))
  t.equal(new Set(entries.map(({ id }) => id)).size, 5)
  const [, two, , four] = entries
  t.match(two, { level: 'info', module: 'm', version: '1', api: 'two', requestId: 'req-1', method: 'GET', status: 200, milliseconds: 1 })
  t.ok(two!.time >= before && two!.time <= Date.now() + 1)
  t.notHas(two, { code: String })
  t.match(four, { status: 504, code: 'FMS_ERR_TIMEOUT', requestId: 'req-2' })
  t.notHas(four, { milliseconds: Number })
})

t.test('the last 200 calls are kept, and push no line out', async t => {
  const log = new OwnerLog(1_000)
  log.add(line('why it failed'))
  for (let i = 0; i < 500; i++) addCall(log, `a${i}`)
  t.strictSame(messages(log.entries), ['why it failed', ...Array.from({ length: 200 }, (_, i) => `GET a${i + 300}: 200`)])
})

t.test('lines are kept as far as their size goes, and push no call out', async t => {
  const log = new OwnerLog(1_024)
  addCall(log, 'a')
  for (let i = 0; i < 100; i++) log.add(line(`${i} ${'x'.repeat(1_000)}`))
  t.strictSame(messages(log.entries).map(message => message.slice(0, 10).trim()), ['GET a: 200', '97 xxxxxxx', '98 xxxxxxx', '99 xxxxxxx'])
  log.add(line('x'.repeat(100_000)))
  t.equal(log.entries.length, 2, 'one that is too large for all stands alone')
  for (let i = 0; i < 100; i++) log.add(line('', { requestId: 'r'.repeat(1_000) }))
  t.equal(log.entries.length, 4, 'ids count too')
})

t.test('of what others choose, as much is kept as is worth reading', async t => {
  t.equal(short('r'.repeat(200)), 'r'.repeat(200))
  t.equal(short('é'.repeat(1_000_000)), 'é'.repeat(200))
})

t.test('ids grow where the clock is set back', async t => {
  const log = new OwnerLog(1_000)
  addCall(log, 'before')
  const { now } = Date
  t.teardown(() => { Date.now = now })
  Date.now = () => 5
  log.add(line('after'))
  addCall(log, 'last')
  t.strictSame(messages(log.entries), ['GET before: 200', 'after', 'GET last: 200'])
})

t.test('a reader is told what is written while it reads', async t => {
  const logs = new Logs()
  logs.of('a').add(line('before'))
  const one = reader()
  const leave = logs.follow('a', one)
  logs.of('a').add(line('line'))
  addCall(logs.of('a'), 'api', { milliseconds: 2 })
  logs.of('b').add(line('of another'))
  t.strictSame(one.taken, logs.entries('a').slice(1), 'as the log has it')
  leave()
  leave()
  logs.of('a').add(line('after'))
  t.equal(one.taken.length, 2)
  t.equal(one.ended(), 0, 'who leaves is told nothing')
})

t.test('a log has four readers at most', async t => {
  const logs = new Logs()
  const leave = Array.from({ length: 4 }, () => logs.follow('a', reader()))
  t.throws(() => logs.follow('a', reader()), { code: 'FMS_ERR_BUSY', statusCode: 429, headers: { 'retry-after': '10' } })
  logs.follow('b', reader())
  leave[2]!()
  logs.follow('a', reader())
  t.throws(() => logs.follow('a', reader()), { code: 'FMS_ERR_BUSY' })
})

t.test('a process has a hundred', async t => {
  const logs = new Logs()
  const leave = Array.from({ length: 100 }, (_, i) => logs.follow(`owner ${i}`, reader()))
  t.throws(() => logs.follow('one more', reader()), { code: 'FMS_ERR_UNAVAILABLE', statusCode: 503 })
  leave[0]!()
  logs.follow('one more', reader())
})

t.test('readers end with their owner, with their right, and with the app', async t => {
  const logs = new Logs()
  let may = true
  const [gone, refused, stays] = [reader(), reader({ mayStay: () => may }), reader()]
  logs.follow('a', gone)
  logs.follow('b', refused)
  logs.follow('b', stays)
  logs.of('a').add(line('x'))
  logs.forget('a')
  t.strictSame([gone, refused, stays].map(one => one.ended()), [1, 0, 0])
  t.strictSame(logs.entries('a'), [])
  logs.review()
  may = false
  logs.review()
  t.strictSame([gone, refused, stays].map(one => one.ended()), [1, 1, 0])
  logs.close()
  t.strictSame([gone, refused, stays].map(one => one.ended()), [1, 1, 1])
  t.throws(() => logs.follow('b', reader()), { code: 'FMS_ERR_UNAVAILABLE' })
})

t.test('a thousand logs are kept: those that are read, and those that were written to again', async t => {
  const logs = new Logs()
  const read = reader()
  logs.follow('read', read)
  for (let i = 0; i < 999; i++) addCall(logs.of(`${i}`), 'a')
  addCall(logs.of('0'), 'again')
  addCall(logs.of('new'), 'a')
  t.strictSame(['0', '1', '2', 'new'].map(owner => logs.entries(owner).length), [2, 0, 1, 1])
  for (let i = 1_000; i < 3_000; i++) {
    logs.of(`${i}`).add(line('x'))
    addCall(logs.of('0'), 'a')
  }
  t.strictSame(['0', '2', '1999', '2999'].map(owner => logs.entries(owner).length), [200, 0, 0, 1])
  logs.of('read').add(line('still'))
  t.strictSame(messages(read.taken), ['still'])
})
