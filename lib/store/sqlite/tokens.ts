import { hash } from 'node:crypto'
import type { Writing } from './transaction.ts'

// Of a SHA-256 in base64url, 96 bits: two tokens of one expiry do not share them by chance, and if they did, the second would
// be refused. Text, since to make a Buffer costs more than to hash.
const HASH_LENGTH = 16

// Some minutes beyond a token's end: nobody asks any more, even where a clock is set back.
const KEPT_MS = 5 * 60_000

// After so many tokens, twice as many of those that expired are deleted, and all that expired in the same moment as the last
// of them: so what a flood leaves goes bit by bit, and nobody waits for all of it.
const SWEEP_AFTER = 250
const SWEEP_FACTOR = 2

/** Used tokens; one object in a worker, which remembers how many it has taken. */
export class Tokens {
  #sinceSweep = 0

  consume (writing: Writing, ids: readonly string[], expiries: readonly number[]): boolean[] {
    const insert = writing.sql('insert into token (expires_at, hash) values (?, ?) on conflict do nothing')
    const first = ids.map((id, i) => insert.run(Math.ceil(expiries[i]!), hash('sha256', id, 'base64url').slice(0, HASH_LENGTH)).changes === 1)
    this.#sinceSweep += ids.length
    if (this.#sinceSweep >= SWEEP_AFTER) this.#sweep(writing)
    return first
  }

  #sweep ({ sql }: Writing): void {
    const end = sql('select expires_at from token order by expires_at limit 1 offset ?').get(this.#sinceSweep * SWEEP_FACTOR)?.expires_at
    this.#sinceSweep = 0
    sql('delete from token where expires_at <= ?').run(Math.min(Date.now() - KEPT_MS, Number(end ?? Infinity)))
  }
}
