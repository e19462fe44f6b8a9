import assert from 'node:assert/strict'
import type { TokenUse } from '../../../types/store.ts'
import { ODD_TEXT, addedTo, type Contract } from './stores.ts'

/** The use of tokens, each once. */
export const tokens: Contract = {
  'a token is used once, in one call or in many': async store => {
    const use = usesOf()
    const [a, b, c] = [use('a'), use('b'), use('c')]
    assert.deepEqual(await store.consume([a, b, a]), [true, true, false])
    assert.deepEqual(await store.consume([b, c, c, a]), [false, true, false, false])
    assert.deepEqual(await store.consume([]), [])
  },

  'a token that was used is known to other nodes, those that come later too': async (store, again) => {
    const use = usesOf()
    const before = await again()
    await store.consume([use('a')])
    assert.deepEqual(await before.consume([use('a'), use('b')]), [false, true])
    const after = await again()
    assert.deepEqual(await after.consume([use('b'), use('a'), use('c')]), [false, false, true])
  },

  'ids are compared exactly, whatever they hold': async store => {
    const use = usesOf()
    const ids = [
      ODD_TEXT, 'x'.repeat(300), `${'x'.repeat(299)}y`, '', ' ', 'A', 'a', 'é', 'e\u0301', '__proto__', '$where', 'a.b',
      '00000000-0000-4000-8000-000000000000.key jti', '1', '1.0', 'null', '🦊'
    ]
    assert.deepEqual(await store.consume(ids.map(id => use(id))), ids.map(() => true))
    assert.deepEqual(await store.consume(ids.map(id => use(id))), ids.map(() => false))
  },

  'a token that expires at once, in a hundred years, or within a millisecond, is used once as well': async store => {
    const uses = [usesOf(0)('now'), usesOf(100 * 365 * 24 * 3600 * 1000)('late'), usesOf(65_000.25)('between')]
    assert.deepEqual(await store.consume(uses), [true, true, true])
    assert.deepEqual((await store.consume(uses)).slice(1), [false, false])
  },

  '10,000 tokens in one call': async store => {
    const seconds = Array.from({ length: 60 }, (_, i) => usesOf((i + 5) * 1_000))
    const uses = Array.from({ length: 10_000 }, (_, i) => seconds[i % seconds.length]!(`owner.key token-${i}`))
    assert.deepEqual(new Set(await store.consume(uses)), new Set([true]))
    assert.deepEqual(new Set(await store.consume(uses.toReversed())), new Set([false]))
  },

  'the use of tokens is no change of an owner': async store => {
    await addedTo(store)
    const { cursor } = await store.changes()
    await store.consume([usesOf()('a')])
    assert.deepEqual((await store.changes(cursor)).owners, [])
  }
}

/** Gives the use of a token, which is the same each time: it always comes with the same expiry. */
function usesOf (milliseconds = 65_000): (id: string) => TokenUse {
  const expiresAt = Date.now() + milliseconds
  return id => ({ id, expiresAt })
}
