import { once } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import { mock } from 'node:test'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { ownerIn, someOwner, someVersion } from '../../lib/store/contract/stores.ts'
import { SqliteStore } from '../../lib/store/sqlite/sqlite.ts'
import { openStore, otherProcess } from './sqlite-helper.ts'

const UNAVAILABLE = { code: 'FMS_ERR_UNAVAILABLE', statusCode: 503 }

/** What the file holds, past the store. */
function look (directory: string, sql: string): unknown {
  const database = new DatabaseSync(join(directory, 'store.sqlite'), { readOnly: true })
  try {
    return Object.values(database.prepare(sql).get()!)[0]
  } finally {
    database.close()
  }
}

/** The worker that the store is started with. */
async function openWithWorker (t: Test, directory: string): Promise<{ store: SqliteStore, worker: Worker }> {
  const starting = once(process, 'worker') as Promise<[Worker]>
  const store = await openStore(t, directory)
  return { store, worker: (await starting)[0] }
}

t.test('what is under way when the store is closed is done; what comes later is refused', async t => {
  const directory = t.testdir()
  const store = await openStore(t, directory)
  const added = Array.from({ length: 100 }, () => store.addOwner(someOwner()))
  const closing = store.close()
  await t.rejects(store.addOwner(someOwner()), { ...UNAVAILABLE, message: /closed/ })
  await t.rejects(store.changes(), { ...UNAVAILABLE, message: /closed/ })
  t.strictSame(new Set(await Promise.all(added)), new Set(['added']))
  await closing
  await store.close()
  t.equal(look(directory, 'select count(*) from owner'), 100)
})

t.test('a store is opened once, closed as often as one likes, and of no use before and after', async t => {
  const store = new SqliteStore({ directory: t.testdir() })
  await t.rejects(store.changes(), { ...UNAVAILABLE, message: /not open yet/ })
  await store.open()
  await t.rejects(store.open(), { code: 'FMS_ERR_STORE', message: /it is open/ })
  await Promise.all([store.close(), store.close()])
  await store.close()
  await t.rejects(store.open(), { code: 'FMS_ERR_STORE', message: /it is closed/ })
  await t.rejects(store.consume([]), UNAVAILABLE)
  await new SqliteStore({ directory: t.testdir() }).close()
})

t.test('a store that is closed while it opens is closed', async t => {
  const store = new SqliteStore({ directory: t.testdir() })
  const opening = store.open()
  await store.close()
  await opening
  await t.rejects(store.changes(), UNAVAILABLE)
})

t.test('what is asked for at once is one transaction', async t => {
  const directory = t.testdir()
  const store = await openStore(t, directory)
  await Promise.all(Array.from({ length: 100 }, () => store.addOwner(someOwner())))
  t.equal(look(directory, 'select revision from store'), 1)
  await Promise.all(Array.from({ length: 2_000 }, () => store.addOwner(someOwner())))
  t.equal(look(directory, 'select revision from store'), 3, 'but for floods, which would keep others waiting')
})

t.test('an operation that fails undoes itself, and none of those beside it', async t => {
  const store = await openStore(t, t.testdir())
  const owner = someOwner()
  await store.addOwner(owner)
  const [before, failed, after] = await Promise.allSettled([
    store.addOwner(someOwner()),
    store.addVersion(owner, someVersion(owner.uuid, { note: null as unknown as string }), Buffer.from('x')),
    store.addOwner(someOwner())
  ])
  t.match([before, failed, after], [{ value: 'added' }, { status: 'rejected', reason: UNAVAILABLE }, { value: 'added' }])
  t.strictSame((await ownerIn(store, owner.uuid))?.modules, {})
  t.strictSame(await store.versions(owner.uuid), [])
})

t.test('what cannot be sent to the worker is refused, and the store goes on', async t => {
  const store = await openStore(t, t.testdir())
  await t.rejects(store.updateOwner(someOwner(), { plan: (() => {}) as unknown as string }), UNAVAILABLE)
  t.equal(await store.addOwner(someOwner()), 'added')
})

t.test('more operations at once than memory should hold are refused', async t => {
  const store = await openStore(t, t.testdir())
  const unknown = someOwner()
  const answers = await Promise.allSettled(Array.from({ length: 10_100 }, () => store.removeOwner(unknown)))
  const refused = answers.filter(({ status }) => status === 'rejected')
  t.equal(refused.length, 100)
  t.match(refused[0], { reason: { ...UNAVAILABLE, message: /10000 operations/ } })
  t.equal(await store.addOwner(someOwner()), 'added')
})

t.test('when the worker dies, what it had is refused, and another takes over', async t => {
  const directory = t.testdir()
  const { store, worker } = await openWithWorker(t, directory)
  const { line, go, ended } = otherProcess(t, 'lock', directory)
  await line()
  const waiting = [store.addOwner(someOwner()), store.addOwner(someOwner())]
  await store.changes()
  await worker.terminate()
  for (const one of waiting) await t.rejects(one, { ...UNAVAILABLE, message: /worker failed/ })
  go()
  await ended
  t.equal(await store.addOwner(someOwner()), 'added')
  t.equal((await store.changes()).owners.length, 1)
})

t.test('when the disk never answers, what waits for it is refused', async t => {
  const directory = t.testdir()
  const { store } = await openWithWorker(t, directory)
  const { line } = otherProcess(t, 'lock', directory)
  await line()
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const waiting = t.rejects(store.addOwner(someOwner()), { ...UNAVAILABLE, message: /has not answered for 20 s/ })
  // By then, it has been sent.
  await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
  mock.timers.tick(20_000)
  await waiting
  t.strictSame((await store.changes()).owners, [])
})

t.test('used tokens are forgotten some minutes after they expired, and not before', async t => {
  const directory = t.testdir()
  const store = await openStore(t, directory)
  const now = Date.now()
  const use = async (name: string, count: number, minutes: number): Promise<void> => {
    await store.consume(Array.from({ length: count }, (_, i) => ({ id: `${name} ${i}`, expiresAt: now + minutes * 60_000 })))
  }
  await use('long ago', 5_000, -6)
  await use('just now', 100, -4)
  for (let i = 0; i < 10; i++) await use(`later ${i}`, 500, 1)
  const expired = `select count(*) from token where expires_at < ${now}`
  t.equal(look(directory, expired), 100)
  t.equal(look(directory, 'select count(*) from token'), 5_100)
  const again = [{ id: 'just now 0', expiresAt: now - 4 * 60_000 }, { id: 'long ago 0', expiresAt: now - 6 * 60_000 }]
  t.strictSame(await store.consume(again), [false, true])
})

t.test('what a flood of tokens left is deleted bit by bit, those of one moment together', async t => {
  const directory = t.testdir()
  const store = await openStore(t, directory)
  const long = Date.now() - 3_600_000
  const database = new DatabaseSync(join(directory, 'store.sqlite'))
  database.exec(`
    with recursive number (n) as (select 0 union all select n + 1 from number where n < 9999)
    insert into token select ${long} + max(n - 4999, 0), n from number
  `)
  database.close()
  const left: unknown[] = []
  for (let i = 0; i < 15; i++) {
    await store.consume(Array.from({ length: 250 }, (_, j) => ({ id: `${i} ${j}`, expiresAt: long + 3_700_000 })))
    left.push(look(directory, `select count(*) from token where expires_at < ${long + 3_600_000}`))
  }
  t.strictSame(left.slice(0, 3), [5_000, 4_499, 3_998])
  t.equal(left.at(-1), 0)
})

t.test('removals are remembered up to a number; a node that missed more gets all owners', async t => {
  const directory = t.testdir()
  const store = await openStore(t, directory)
  const stays = someOwner()
  await store.addOwner(stays)
  const { cursor } = await store.changes()
  const removeSome = async (count: number): Promise<void> => {
    const gone = Array.from({ length: count }, () => someOwner())
    await Promise.all(gone.map(owner => store.addOwner(owner)))
    for (const owner of gone.slice(1)) void store.removeOwner(owner)
    await store.removeOwner(gone[0]!)
  }
  await removeSome(900)
  const some = await store.changes(cursor)
  t.strictSame([some.whole, some.owners.length, some.removed.length], [false, 0, 900])
  await removeSome(900)
  const all = await store.changes(cursor)
  t.strictSame([all.whole, all.owners.map(({ uuid }) => uuid), all.removed], [true, [stays.uuid], []])
  t.strictSame(await store.changes(all.cursor), { cursor: all.cursor, whole: false, owners: [], removed: [] })
  t.ok(Number(look(directory, 'select count(*) from removed')) <= 1_000)
})
