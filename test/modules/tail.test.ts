import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { Tail } from '../../lib/modules/module-api/tail.ts'
import type { OwnerLogEntry } from '../../types/status.ts'

function entry (id: number, message = `message ${id}`): OwnerLogEntry {
  return { id, time: 0, level: 'info', module: 'm', version: '1', message }
}

/** A tail, with what reads it. */
function open (t: Test, { entries = [], module }: { entries?: OwnerLogEntry[], module?: string } = {}) {
  const response = Object.assign(new EventEmitter(), { destroyed: 0, destroy () { this.destroyed++ } })
  let left = 0
  const wants = (entry: OwnerLogEntry): boolean => module === undefined || entry.module === module
  const tail = new Tail({ entries, wants, mayStay: () => true, response: response as unknown as ServerResponse })
  const { body, headers } = tail.open(() => () => { left++ })
  const reader = body!.getReader()
  t.teardown(() => { response.emit('close') })
  const read = async (): Promise<string | undefined> => {
    const { value } = await reader.read()
    return value && new TextDecoder().decode(value)
  }
  const readEntry = async (): Promise<OwnerLogEntry> => JSON.parse((await read())!.split('data: ')[1]!)
  return { tail, response, reader, headers, read, readEntry, left: () => left }
}

t.test('entries are events: those that there are, then those that come', async t => {
  const { tail, read } = open(t, { entries: [entry(1, 'one\n\nid: 9\ndata: {}\n\n'), entry(2)], module: 'm' })
  t.equal(await read(), ':\n\n', 'headers do not wait for the first')
  const first = await read()
  t.match(first, /^id: 1\ndata: \{.*\}\n\n$/)
  t.equal(first!.split('\n').length, 4, 'a message that looks like an event is none')
  t.match(await read(), /^id: 2\n/)
  const next = read()
  tail.take({ ...entry(3), module: 'other' })
  tail.take(entry(4))
  t.match(await next, /^id: 4\n/)
})

t.test('a reader that is slow misses some, and is told so in their place', async t => {
  const { tail, read, readEntry } = open(t, { entries: [entry(1)] })
  for (let id = 2; id <= 5_000; id++) tail.take(entry(id))
  await read()
  const ids: number[] = []
  let found = await readEntry()
  for (; found.level === 'info'; found = await readEntry()) ids.push(found.id)
  const last = ids.length
  t.strictSame(ids, ids.map((_, i) => i + 1))
  t.ok(last > 500 && last < 2_000, `${last} have waited`)
  t.match(found, { id: 5_000, level: 'warn', module: 'module-api', message: `entries missing here: ${5_000 - last}, which were written faster than they were read` })
  tail.take(entry(5_001))
  t.match(await readEntry(), entry(5_001), 'then it goes on')
  tail.take(entry(5_002, 'x'.repeat(1_000_000)))
  tail.take(entry(5_003))
  t.match([await readEntry(), await readEntry()], [{ id: 5_002, message: /: 1,/ }, entry(5_003)], 'one that is too large is missing too')
})

t.test('who leaves is no reader any more', async t => {
  const { reader, left, tail, response } = open(t)
  await reader.cancel()
  t.equal(left(), 1)
  tail.take(entry(1))
  tail.end()
  t.equal(response.destroyed, 0)
  const other = open(t)
  other.response.emit('close')
  t.equal(other.left(), 1)
})

t.test('it beats, ends after ten minutes, and takes the connection from a client that reads no more', async t => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  t.teardown(() => mock.timers.reset())
  const { read, response, left } = open(t)
  t.equal(await read(), ':\n\n')
  const beat = read()
  mock.timers.tick(15_000)
  t.equal(await beat, ':\n\n')
  // Of a client that does not read, one waits.
  mock.timers.tick(10 * 60_000 - 15_001)
  t.equal(left(), 0)
  mock.timers.tick(1)
  t.equal(left(), 1)
  t.equal(await read(), ':\n\n')
  t.equal(await read(), undefined, 'as a stream ends')
  mock.timers.tick(1_999)
  t.equal(response.destroyed, 0)
  mock.timers.tick(1)
  t.equal(response.destroyed, 1)
})

t.test('an end that arrives needs no force', async t => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  t.teardown(() => mock.timers.reset())
  const { tail, response } = open(t)
  tail.end()
  tail.end()
  response.emit('close')
  mock.timers.tick(10_000)
  t.equal(response.destroyed, 0)
})
