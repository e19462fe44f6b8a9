import type { Store, TokenUse } from '../../types/store.ts'
import { unavailable } from '../errors.ts'

interface Waiting {
  readonly use: TokenUse
  readonly resolve: (first: boolean) => void
  readonly reject: (error: Error) => void
}

/** A fifth of a second's work for a store on a local disk: who came later is better off with another node, or asking again. */
const MOST_WAITING = 10_000
/** One transaction: a store that works in our thread is done with it in some 20 ms. */
const MOST_AT_ONCE = 1000
/** Longer than a store takes to change over to another server's, shorter than clients wait. */
const DEADLINE_MS = 5000
/** Batches that were given up and still hang in the store: with these many there, nobody need ask it. */
const MOST_HANGING = 4

/**
 * Lets each token through once. What comes in one turn of the event loop goes to the store as one batch, and what comes
 * while that is under way as the next: with a durable store, the cost is that of the commit. No answer lets nobody through.
 */
export class Once {
  readonly #store: Pick<Store, 'consume'>
  #waiting: Waiting[] = []
  /** Whether a batch is about to be sent, or under way. */
  #busy = false
  #hanging = 0

  constructor (store: Pick<Store, 'consume'>) {
    this.#store = store
  }

  /**
   * Whether this is the first use of the token, and still in time.
   *
   * @param expiresAt as the token says it: each use of it must come with the same
   * @throws `FMS_ERR_UNAVAILABLE` where the store does not say
   */
  use (id: string, expiresAt: number): Promise<boolean> {
    if (this.#waiting.length >= MOST_WAITING || this.#hanging >= MOST_HANGING) return Promise.reject(unsure(new Error('too many wait for it')))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ use: { id, expiresAt }, resolve, reject })
      this.#next()
    })
  }

  #next (): void {
    if (this.#busy || this.#waiting.length === 0) return
    this.#busy = true
    // After all that came in this turn has been read: a microtask would come after each of it.
    setImmediate(() => this.#send(this.#waiting.splice(0, MOST_AT_ONCE)))
  }

  #send (batch: Waiting[]): void {
    let isGivenUp = false
    const done = (): void => {
      clearTimeout(timer)
      if (isGivenUp) this.#hanging--
      else this.#free()
    }
    const timer = setTimeout(() => {
      isGivenUp = true
      this.#hanging++
      // Those that wait came after this batch, so the deadline is theirs as well: they have no other store to go to.
      fail(batch.concat(this.#waiting.splice(0)), new Error(`no answer in ${DEADLINE_MS} ms`))
      this.#free()
    }, DEADLINE_MS).unref()
    this.#consume(batch.map(({ use }) => use)).then(answers => settle(batch, answers), error => fail(batch, error)).finally(done)
  }

  #free (): void {
    this.#busy = false
    this.#next()
  }

  /** A store of the user's own may answer anything. */
  async #consume (uses: readonly TokenUse[]): Promise<readonly boolean[]> {
    const answers = await this.#store.consume(uses)
    if (!Array.isArray(answers) || answers.length !== uses.length) throw new Error(`expected ${uses.length} answers of consume(); found others`)
    return answers
  }
}

/** An expired one may be forgotten already, so the store's word on it is worth nothing. */
function settle (batch: readonly Waiting[], answers: readonly boolean[]): void {
  const now = Date.now()
  for (const [i, { use, resolve }] of batch.entries()) resolve(answers[i] === true && now < use.expiresAt)
}

function fail (batch: readonly Waiting[], cause: unknown): void {
  for (const { reject } of batch) reject(unsure(cause))
}

function unsure (cause: unknown): Error {
  return unavailable('the store cannot say whether the token was used; try again with another', { cause })
}
