import { platformError } from '../errors.ts'

interface Waiter {
  admit: () => void
  refuse: (reason: unknown) => void
  deadline: number
}

/** How much too late whoever waits in vain may hear of it. */
const SWEEP_MS = 50

/** Admits so many at once, lets so many more wait in the order in which they came, and refuses the rest. */
export class WaitingLine {
  #free: number
  readonly #capacity: number
  // A Set keeps the order of arrival, and whoever gives up leaves from the middle at no cost.
  readonly #waiting = new Set<Waiter>()
  #sweeping: NodeJS.Timeout | undefined

  constructor (places: number, capacity: number) {
    this.#free = places
    this.#capacity = capacity
  }

  /** Takes a place if one is free, without a promise's turn. */
  tryEnter (): boolean {
    if (this.#free === 0) return false
    this.#free--
    return true
  }

  /**
   * Resolves when a place is the caller's, who must `leave()` it afterwards.
   *
   * @throws `FMS_ERR_BUSY` when the line is full, `FMS_ERR_UNAVAILABLE` when it closes meanwhile, else the signal's reason.
   */
  async enter (signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.tryEnter()) return
    if (this.#waiting.size >= this.#capacity) throw busy()

    const { promise, resolve: admit, reject: refuse } = Promise.withResolvers<void>()
    const waiter = { admit, refuse, deadline: Infinity }
    const giveUp = () => {
      this.#waiting.delete(waiter)
      refuse(signal.reason)
    }
    this.#waiting.add(waiter)
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', giveUp)
    }
  }

  /**
   * The same, until a time of `performance.now()`. One timer for all who wait, as they may come by thousands a second.
   *
   * @throws `FMS_ERR_TIMEOUT`
   */
  async enterBy (deadline: number): Promise<void> {
    if (this.tryEnter()) return
    if (this.#waiting.size >= this.#capacity) throw busy()
    const { promise, resolve: admit, reject: refuse } = Promise.withResolvers<void>()
    this.#waiting.add({ admit, refuse, deadline })
    this.#sweeping ??= setInterval(() => this.#sweep(), SWEEP_MS)
    await promise
  }

  #sweep (): void {
    const now = performance.now()
    for (const waiter of this.#waiting) {
      if (waiter.deadline > now) continue
      this.#waiting.delete(waiter)
      waiter.refuse(platformError('FMS_ERR_TIMEOUT', 'no place among its calls came free'))
    }
    if (this.#waiting.size > 0) return
    clearInterval(this.#sweeping)
    this.#sweeping = undefined
  }

  /** Hands the place to whoever has waited longest: nobody who comes meanwhile can take it. */
  leave (): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#free++
      return
    }
    this.#waiting.delete(next)
    next.admit()
  }

  /** Sends all who wait away; those who have a place keep it. */
  close (): void {
    for (const waiter of this.#waiting) waiter.refuse(platformError('FMS_ERR_UNAVAILABLE', 'the app is closing'))
    this.#waiting.clear()
  }
}

// When a place comes free depends on programs that we know nothing of; a second keeps clients from hammering.
function busy (): Error {
  const seconds = '1'
  return Object.assign(platformError('FMS_ERR_BUSY', `try again after ${seconds} s`), { headers: { 'retry-after': seconds } })
}
