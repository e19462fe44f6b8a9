import type { Load } from '../protocol.ts'
import { Guest, type Mould } from './isolate.ts'
import type { Outbox } from './prelude/kinds.ts'

/** A call that has not begun. */
export interface Queued {
  readonly id: number
  /** JSON of a `GuestCall`. */
  readonly text: string
}

// Node runs timers with a longer delay at once.
const DELAY_MAX = 2 ** 31 - 1
/** An isolate without calls may run for one part of its time in four. */
const IDLE_SHARE = 3

/** An isolate as the schedule sees it: what it has to do, and what it owes. */
export class Resident {
  readonly id: number
  readonly responseBytes: number
  /** Calls that it has not begun, in order. */
  readonly queue: Queued[] = []
  /** Calls that it has begun and not answered. */
  readonly begun = new Set<number>()
  turns = 0
  readonly #alone: boolean
  /** Calls that it has begun and whose signal is to be aborted. */
  readonly #cancelled: number[] = []
  #due = false
  /** Until its first turn. */
  #load: Load | undefined
  #guest: Guest | undefined
  #ended = false
  #timer: NodeJS.Timeout | undefined
  #timerAt = 0

  constructor (id: number, load: Load) {
    this.id = id
    this.responseBytes = load.limits.responseBytes
    this.#alone = load.alone
    this.#load = load
  }

  get isStarted (): boolean {
    return this.#load === undefined
  }

  get hasWork (): boolean {
    return !this.#ended && (this.queue.length > 0 || this.#cancelled.length > 0 || this.#due || !this.isStarted)
  }

  /** @throws {Fatal} */
  start (mould: Mould, lost: (message: string) => void): Outbox {
    const load = this.#load as Load
    this.#load = undefined
    this.#guest = new Guest(load, mould)
    return this.#guest.start(lost)
  }

  /**
   * Does what there is to do, or, of one that runs alone, a part of it.
   *
   * @param calls takes the ids of those that begin
   * @throws {Fatal}
   */
  turn (calls: number[], lost: (message: string) => void): Outbox {
    this.turns++
    return (this.#guest as Guest).turn(this.#takeBatch(calls), lost)
  }

  #takeBatch (calls: number[]): string {
    let batch = this.#due ? ',0' : ''
    this.#due = false
    for (const id of this.#cancelled) batch += `,${id}`
    this.#cancelled.length = 0
    for (const { id, text } of this.queue.splice(0, this.#alone ? 1 : this.queue.length)) {
      batch += `,${text}`
      calls.push(id)
      this.begun.add(id)
    }
    return `[${batch.slice(1)}]`
  }

  /** Whether the guest is to be told. */
  cancel (id: number): boolean {
    if (this.begun.delete(id)) {
      this.#cancelled.push(id)
      return true
    }
    const at = this.queue.findIndex(call => call.id === id)
    if (at !== -1) this.queue.splice(at, 1)
    return false
  }

  /**
   * @param time when its next timer is due, by `Date.now()`; 0 for none
   * @param tookMs how long the turn took that ends now
   */
  wakeAt (time: number, tookMs: number, wake: () => void): void {
    if (time === 0 && this.#timerAt === 0) return
    // What goes on though nobody waits for it leaves most of the cell to those that somebody waits for.
    const at = time !== 0 && this.begun.size === 0 ? Math.max(time, Date.now() + IDLE_SHARE * tookMs) : time
    if (at === this.#timerAt) return
    this.#timerAt = at
    clearTimeout(this.#timer)
    if (at === 0) return
    this.#timer = setTimeout(() => {
      this.#timerAt = 0
      this.#due = true
      wake()
    }, Math.min(Math.max(at - Date.now(), 1), DELAY_MAX))
  }

  /** Bytes of heap and buffers. */
  bytes (): number {
    return this.#guest?.bytes() ?? 0
  }

  /** @throws {Fatal} */
  checkMemory (): void {
    this.#guest?.checkMemory()
  }

  end (): void {
    this.#ended = true
    clearTimeout(this.#timer)
    this.#guest?.dispose()
  }
}
