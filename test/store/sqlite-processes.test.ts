import { once } from 'node:events'
import t from 'tap'
import { someOwner } from '../../lib/store/contract/stores.ts'
import { openStore, otherProcess } from './sqlite-helper.ts'

t.test('kill -9 in the middle of many writes: each that was acknowledged is there, and the store works', async t => {
  const directory = t.testdir()
  for (const least of [1, 500, 1_000]) {
    const { child, line, ended } = otherProcess(t, 'add', directory)
    const acknowledged: string[] = []
    while (acknowledged.length < least) acknowledged.push((await line())!)
    child.kill('SIGKILL')
    for (let next = await line(); next !== undefined; next = await line()) acknowledged.push(next)
    await ended
    const store = await openStore(t, directory)
    const { owners } = await store.changes()
    const stored = new Set(owners.map(({ uuid }) => uuid))
    t.strictSame(acknowledged.filter(uuid => !stored.has(uuid)), [], `${acknowledged.length} acknowledged, ${stored.size} stored`)
    t.equal(await store.addOwner(someOwner()), 'added')
    await store.close()
  }
})

t.test('four processes use the same 1,000 tokens: each token is used once', async t => {
  const directory = t.testdir()
  await openStore(t, directory)
  const others = Array.from({ length: 4 }, () => otherProcess(t, 'consume', directory))
  for (const { line } of others) t.equal(await line(), 'open')
  const expiresAt = String(Date.now() + 65_000)
  for (const { go } of others) go(expiresAt)
  const used = await Promise.all(others.map(({ line }) => line()))
  const times = Array.from({ length: 1_000 }, (_, i) => used.reduce((sum, answers) => sum + Number(answers?.[i]), 0))
  t.strictSame(times, times.map(() => 1))
})

t.test('four processes that make the same store at once get one', async t => {
  const directory = t.testdir()
  const others = Array.from({ length: 4 }, () => otherProcess(t, 'open', directory))
  t.strictSame(await Promise.all(others.map(({ line }) => line())), ['open', 'open', 'open', 'open'])
})

t.test('what one process does, another sees', async t => {
  const directory = t.testdir()
  const store = await openStore(t, directory)
  const { cursor } = await store.changes()
  const { line } = otherProcess(t, 'add', directory)
  const uuid = await line()
  const changes = await store.changes(cursor)
  t.notOk(changes.whole)
  t.ok(changes.owners.some(owner => owner.uuid === uuid))
})

t.test('a process that forgets to close the store ends, with all that it asked for done', async t => {
  const directory = t.testdir()
  const { child, line } = otherProcess(t, 'forget', directory)
  const [[code], said] = await Promise.all([once(child, 'exit'), line()])
  t.strictSame([code, said], [0, 'added'])
  const store = await openStore(t, directory)
  t.equal((await store.changes()).owners.length, 1)
})
