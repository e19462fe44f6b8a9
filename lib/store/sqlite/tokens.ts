import { hash, randomBytes } from 'node:crypto'
import type { Writing } from './transaction.ts'

// Half of a SHA-256: as good as the id itself, and a third of the pages to write.
const HASH_BYTES = 16

// Some minutes beyond a token's end: nobody asks any more, even where a clock is set back.
const KEPT_MS = 5 * 60_000

// After so many tokens, four times as many are looked at, and those that expired deleted: the table stays at most a third
// larger than what it must hold. Neighbours lie on the same pages, so this costs far less than an index by expiry.
const SWEEP_AFTER = 250
const SWEEP_FACTOR = 4

/** Used tokens; one object in a worker, which remembers how far it has swept. */
export class Tokens {
  #sinceSweep = 0
  #position: Uint8Array = randomBytes(HASH_BYTES)

  consume (writing: Writing, ids: readonly string[], expiries: Float64Array): boolean[] {
    const insert = writing.sql('insert into token (hash, expires_at) values (?, ?) on conflict do nothing')
    const first = ids.map((id, i) => insert.run(hash('sha256', id, 'buffer').subarray(0, HASH_BYTES), Math.ceil(expiries[i] ?? 0)).changes === 1)
    this.#sinceSweep += ids.length
    if (this.#sinceSweep >= SWEEP_AFTER) this.#sweep(writing)
    return first
  }

  #sweep ({ sql }: Writing): void {
    const end = sql('select hash from token where hash >= ? order by hash limit 1 offset ?').get(this.#position, this.#sinceSweep * SWEEP_FACTOR)?.hash
    this.#sinceSweep = 0
    const expired = Date.now() - KEPT_MS
    if (end instanceof Uint8Array) {
      sql('delete from token where hash >= ? and hash < ? and expires_at < ?').run(this.#position, end, expired)
      this.#position = end
    } else {
      sql('delete from token where hash >= ? and expires_at < ?').run(this.#position, expired)
      this.#position = new Uint8Array(HASH_BYTES)
    }
  }
}
