import assert from 'node:assert/strict'
import type { TokenUse } from '../../../types/store.ts'
import { ODD_TEXT, addedTo, type Contract } from './stores.ts'

/** The use of tokens, each once. */
export const tokens: Contract = {
  'a token is used once, in one call or in many': async store => {
    const [a, b, c] = [use('a'), use('b'), use('c')]
    assert.deepEqual(await store.consume([a, b, a]), [true, true, false])
    assert.deepEqual(await store.consume([b, c, c, a]), [false, true, false, false])
    assert.deepEqual(await store.consume([]), [])
  },

  'a token that was used is known to other nodes, those that come later too': async (store, again) => {
    const before = await again()
    await store.consume([use('a')])
    assert.deepEqual(await before.consume([use('a'), use('b')]), [false, true])
    const after = await again()
    assert.deepEqual(await after.consume([use('b'), use('a'), use('c')]), [false, false, true])
  },

  'ids are compared exactly, whatever they hold': async store => {
    const ids = [
      ODD_TEXT, 'x'.repeat(300), `${'x'.repeat(299)}y`, '', ' ', 'A', 'a', 'é', 'e\u0301', '__proto__', '$where', 'a.b',
      '00000000-0000-4000-8000-000000000000.key jti', '1', '1.0', 'null', '🦊'
    ]
    assert.deepEqual(await store.consume(ids.map(id => use(id))), ids.map(() => true))
    assert.deepEqual(await store.consume(ids.map(id => use(id))), ids.map(() => false))
  },

  'a token that expires at once, or in a hundred years, is used once as well': async store => {
    const uses = [use('soon', 1), use('now', 0), use('late', 100 * 365 * 24 * 3600 * 1000)]
    assert.deepEqual((await store.consume(uses)).slice(1), [true, true])
    assert.equal((await store.consume(uses)).at(-1), false)
  },

  '10,000 tokens in one call': async store => {
    const uses = Array.from({ length: 10_000 }, (_, i) => use(`owner.key token-${i}`))
    assert.deepEqual(new Set(await store.consume(uses)), new Set([true]))
    assert.deepEqual(new Set(await store.consume(uses.toReversed())), new Set([false]))
  },

  'the use of tokens is no change of an owner': async store => {
    await addedTo(store)
    const { cursor } = await store.changes()
    await store.consume([use('a')])
    assert.deepEqual((await store.changes(cursor)).owners, [])
  }
}

function use (id: string, milliseconds = 65_000): TokenUse {
  return { id, expiresAt: Date.now() + milliseconds }
}
