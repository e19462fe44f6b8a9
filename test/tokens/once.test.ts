import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { isPlatformError } from '../../lib/errors.ts'
import { Once } from '../../lib/tokens/once.ts'
import type { TokenUse } from '../../types/store.ts'

const later = Date.now() + 3_600_000
const unavailable = { code: 'FMS_ERR_UNAVAILABLE', statusCode: 503, headers: { 'retry-after': '1' } }

/** A store that keeps in mind what it was asked, and answers when `answer` does. */
function remembering (answer: (uses: readonly TokenUse[]) => unknown = () => undefined) {
  const used = new Set<string>()
  const batches: string[][] = []
  return {
    batches,
    async consume (uses: readonly TokenUse[]): Promise<readonly boolean[]> {
      batches.push(uses.map(({ id }) => id))
      await answer(uses)
      return uses.map(({ id }) => !used.has(id) && used.add(id) !== undefined)
    }
  }
}

/** Until something happens that no event tells of. */
async function until (condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}

async function codes (uses: ReadonlyArray<Promise<boolean>>): Promise<unknown[]> {
  const settled = await Promise.allSettled(uses)
  return settled.map(one => one.status === 'fulfilled' ? one.value : (one.reason as { code: string }).code)
}

async function isUnavailable (t: Test, use: Promise<boolean>, cause: RegExp): Promise<void> {
  const error = await use.then(() => t.fail('let through'), (error: unknown) => error)
  t.ok(isPlatformError(error))
  t.match(error, { ...unavailable, cause: { message: cause } })
}

t.test('a token is let through once', async t => {
  const once = new Once(remembering())
  t.equal(await once.use('a', later), true)
  t.equal(await once.use('a', later), false)
  t.equal(await once.use('b', later), true)
})

t.test('of a thousand uses at once one is let through, ten times, at two nodes', async t => {
  const store = remembering()
  const nodes = [new Once(store), new Once(store)] as const
  for (let round = 0; round < 10; round++) {
    const uses = await Promise.all(Array.from({ length: 1000 }, (_, i) => nodes[i % 2 as 0 | 1].use(`token ${round}`, later)))
    t.equal(uses.filter(first => first).length, 1)
  }
})

t.test('what comes in one turn is one batch, and what comes while it is under way the next', async t => {
  let open = (): void => {}
  const store = remembering(async () => { await new Promise<void>(resolve => { open = resolve }) })
  const once = new Once(store)
  const first = [once.use('a', later), once.use('b', later)]
  await Promise.resolve().then(() => first.push(once.use('c', later)))
  await until(() => store.batches.length === 1)
  const second = [once.use('d', later), once.use('a', later)]
  for (let i = 0; i < 5; i++) await turn()
  t.strictSame(store.batches, [['a', 'b', 'c']], 'one at a time')
  open()
  t.strictSame(await Promise.all(first), [true, true, true])
  await until(() => store.batches.length === 2)
  open()
  t.strictSame(await Promise.all(second), [true, false])
  t.strictSame(store.batches, [['a', 'b', 'c'], ['d', 'a']])
})

t.test('a batch has an end, and so has the line', async t => {
  const store = remembering()
  const once = new Once(store)
  const uses = Array.from({ length: 10_000 }, (_, i) => once.use(`${i}`, later))
  await isUnavailable(t, once.use('one more', later), /too many/)
  t.ok((await Promise.all(uses)).every(first => first))
  t.equal(store.batches.length, 10)
  t.ok(store.batches.every(batch => batch.length === 1000))
  t.equal(await once.use('one more', later), true, 'which is short again')
})

t.test('a store that fails lets nobody through, and is asked again', async t => {
  let fails = true
  const once = new Once(remembering(() => { if (fails) throw new Error('disk full') }))
  const uses = [once.use('a', later), once.use('b', later)]
  for (const use of uses) await isUnavailable(t, use, /disk full/)
  const [one, two] = await Promise.allSettled(uses)
  t.not((one as PromiseRejectedResult).reason, (two as PromiseRejectedResult).reason, 'each has its own error, for its own request')
  fails = false
  t.equal(await once.use('a', later), true)
})

t.test('a store that throws at once is one that fails', async t => {
  const once = new Once({ consume () { throw new Error('not open') } })
  await isUnavailable(t, once.use('a', later), /not open/)
  await isUnavailable(t, once.use('a', later), /not open/)
})

t.test('an answer that is none lets nobody through', async t => {
  for (const answer of [undefined, null, true, [], [true, true], { 0: true, length: 1 }, 'x']) {
    const once = new Once({ consume: async () => answer as never })
    await isUnavailable(t, once.use('a', later), /expected 1 answers/)
  }
  for (const answer of [1, 'true', {}, [true], undefined, null, false]) {
    t.equal(await new Once({ consume: async () => [answer] as never }).use('a', later), false, `${typeof answer} is not true`)
  }
})

t.test('what has expired is not used for the first time, whatever the store remembers', async t => {
  const once = new Once(remembering())
  t.equal(await once.use('before', Date.now() - 1), false)
  let open = (): void => {}
  const slow = new Once(remembering(async () => { await new Promise<void>(resolve => { open = resolve }) }))
  const expiresAt = Date.now() + 50
  const use = slow.use('meanwhile', expiresAt)
  await until(() => Date.now() >= expiresAt)
  open()
  t.equal(await use, false)
})

t.test('a store that hangs is given up after five seconds, and asked again; not without end', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const open: Array<() => void> = []
  const store = remembering(async () => { await new Promise<void>(resolve => open.push(resolve)) })
  const once = new Once(store)
  for (let round = 1; round <= 4; round++) {
    const under = once.use(`under way ${round}`, later)
    await until(() => store.batches.length === round)
    const waiting = once.use(`waiting ${round}`, later)
    mock.timers.tick(4999)
    await turn()
    t.equal(store.batches.length, round, 'one at a time')
    mock.timers.tick(1)
    await isUnavailable(t, under, /no answer in 5000 ms/)
    await isUnavailable(t, waiting, /no answer in 5000 ms/)
  }
  await isUnavailable(t, once.use('x', later), /too many/)
  t.strictSame(await codes([once.use('x', later), once.use('y', later)]), ['FMS_ERR_UNAVAILABLE', 'FMS_ERR_UNAVAILABLE'])
  t.equal(store.batches.length, 4)
  open[0]?.()
  await turn()
  const again = once.use('under way 1', later)
  await until(() => store.batches.length === 5)
  open[4]?.()
  t.equal(await again, false, 'what was given up may still have been taken note of')
})

t.test('one that fails late is no news', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let fail = (_error: Error): void => {}
  const store = remembering(() => new Promise((_resolve, reject) => { fail = reject }))
  const once = new Once(store)
  const use = once.use('a', later)
  await until(() => store.batches.length === 1)
  mock.timers.tick(5000)
  await isUnavailable(t, use, /no answer/)
  fail(new Error('late'))
  await turn()
  t.pass('no rejection that nobody handles')
})
