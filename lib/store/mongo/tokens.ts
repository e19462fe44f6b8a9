import type { mongodb } from '@fastify/mongodb'
import type { TokenUse } from '../../../types/store.ts'
import { DEADLINE_MS, isDuplicate, within } from './failure.ts'

export interface TokenRecord {
  readonly _id: string
  readonly expiresAt: Date
}

/** Clocks of nodes differ: one that is ahead must not forget what another still takes for valid. */
const KEPT_SECS = 60

const SWEEP_MS = 60_000

/** Inserted or deleted at once, so that each is done within its deadline, and keeps the server from nobody for long. */
const PORTION = 1_000

/** The tokens that were used, each a document: its id is unique, so that a second use cannot be noted. */
export class UsedTokens {
  readonly #tokens: mongodb.Collection<TokenRecord>
  #serverSweeps = false
  #sweptAt = -Infinity

  constructor (tokens: mongodb.Collection<TokenRecord>) {
    this.#tokens = tokens
  }

  /** Has the server delete what is expired, where it can; some that speak MongoDB's protocol cannot. */
  async prepare (): Promise<void> {
    try {
      await this.#tokens.createIndex({ expiresAt: 1 }, { expireAfterSeconds: KEPT_SECS })
      this.#serverSweeps = true
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'MongoServerError') throw error
    }
  }

  async consume (uses: readonly TokenUse[]): Promise<boolean[]> {
    const first = uses.map(() => true)
    for (let at = 0; at < uses.length; at += PORTION) {
      for (const index of await within(DEADLINE_MS, this.#insert(uses.slice(at, at + PORTION)))) first[at + index] = false
    }
    return first
  }

  /** Gives the positions of those that were there before. */
  async #insert (uses: readonly TokenUse[]): Promise<number[]> {
    try {
      await this.#tokens.insertMany(uses.map(({ id, expiresAt }) => ({ _id: id, expiresAt: new Date(expiresAt) })), { ordered: false })
      return []
    } catch (error) {
      return duplicates(error)
    }
  }

  /** Deletes what is expired, now and then, where the server does not. */
  async sweep (): Promise<void> {
    if (this.#serverSweeps || performance.now() - this.#sweptAt < SWEEP_MS) return
    this.#sweptAt = performance.now()
    const expired = { expiresAt: { $lt: new Date(Date.now() - KEPT_SECS * 1_000) } }
    for (let found = PORTION; found === PORTION;) {
      const portion = await this.#tokens.find(expired, { projection: { _id: 1 } }).limit(PORTION).toArray()
      found = portion.length
      if (found > 0) await this.#tokens.deleteMany({ _id: { $in: portion.map(({ _id }) => _id) } })
    }
  }
}

/** Any other failure is thrown: then nobody knows what was noted. */
function duplicates (error: unknown): number[] {
  if (!isDuplicate(error)) throw error
  const { writeErrors, result } = error as mongodb.MongoBulkWriteError
  const errors = [writeErrors].flat()
  if (errors.length === 0 || errors.some(({ code }) => code !== 11000) || result.getWriteConcernError()) throw error
  return errors.map(({ index }) => index)
}
