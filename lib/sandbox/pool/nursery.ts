import { setTimeout as delay } from 'node:timers/promises'
import { messageOf, unavailable } from '../../errors.ts'

import { Cell, type CellObserver } from './cell.ts'
import type { Program, Walled } from '../layers.ts'
import type { Hello } from '../protocol.ts'

/** What starts cells. */
export interface Starter {
  start (program: Program): Promise<Walled>
  program (hardened: boolean): Program
  hello (): Promise<Hello>
}

export interface NurseryLog {
  error (fields: object, message: string): void
}

// A start takes a quarter of a second, and some seconds on a machine that swaps.
const START_MS = 10_000
const RETRY_MS = 250
const RETRY_MS_MAX = 30_000

const RESTOCK_MS = 50

/**
 * Makes cells, and keeps one in stock: who needs a new one at once, since another died or is held, does not wait for a
 * process to start. Where cells die while they start, it tries again after longer and longer breaks.
 */
export class Nursery {
  readonly #starter: Starter
  readonly #observer: CellObserver
  readonly #log: NurseryLog
  readonly #bytes: number
  readonly #holdsData: boolean
  #spare: Promise<Cell> | undefined
  readonly #making = new Set<Promise<Cell>>()
  #failures = 0
  #retryAt = 0
  #closed = false
  /** All that have been started and are not gone. */
  readonly cells = new Set<Cell>()

  /** @param options.bytes what those in stock may have beyond what they have when idle */
  constructor (options: { starter: Starter, observer: CellObserver, log: NurseryLog, bytes: number, holdsData: boolean }) {
    this.#starter = options.starter
    this.#observer = options.observer
    this.#log = options.log
    this.#bytes = options.bytes
    this.#holdsData = options.holdsData
  }

  /**
   * A cell with no purpose yet.
   *
   * @throws `FMS_ERR_UNAVAILABLE`
   */
  async take (hardened: boolean, bytes: number): Promise<Cell> {
    if (hardened) return await this.#make(true, bytes)
    const spare = this.#spare ?? this.#make(false, this.#bytes)
    this.#spare = undefined
    try {
      const cell = await spare
      // It may have died in stock.
      if (cell.end !== undefined) return await this.#make(false, bytes)
      if (bytes !== this.#bytes) await cell.allowance.set(bytes, false)
      return cell
    } finally {
      // Starting one holds the app up for 10 ms or more, and whoever got this one is in a hurry.
      setTimeout(() => this.#restock(), RESTOCK_MS).unref()
    }
  }

  /** Starts one for the stock, if there is none. */
  #restock (): void {
    if (this.#spare !== undefined || this.#closed || performance.now() < this.#retryAt) return
    const spare = this.#spare = this.#make(false, this.#bytes)
    spare.catch(() => { if (this.#spare === spare) this.#spare = undefined })
  }

  /** One that stood by has ended. */
  lost (cell: Cell): void {
    this.cells.delete(cell)
    if (cell.purpose === undefined) void this.#spare?.then(spare => { if (spare === cell) this.#spare = undefined }, () => {})
  }

  #make (hardened: boolean, bytes: number): Promise<Cell> {
    const making = this.#tryToMake(hardened, bytes).finally(() => this.#making.delete(making))
    this.#making.add(making)
    return making
  }

  async #tryToMake (hardened: boolean, bytes: number): Promise<Cell> {
    if (this.#closed) throw unavailable('the app is closing')
    const wait = this.#retryAt - performance.now()
    if (wait > 0) throw unavailable('cells do not start; the log says why', { seconds: wait / 1000 })
    try {
      const cell = await this.#start(hardened, bytes)
      this.#failures = 0
      return cell
    } catch (error) {
      if (this.#closed) throw unavailable('the app is closing')
      const pause = Math.min(RETRY_MS * 2 ** this.#failures++, RETRY_MS_MAX)
      this.#retryAt = performance.now() + pause
      this.#log.error({ err: error }, `a cell did not start; the next try is in ${pause / 1000} s: ${messageOf(error)}`)
      throw unavailable('a cell did not start; the log says why', { seconds: pause / 1000 })
    }
  }

  async #start (hardened: boolean, bytes: number): Promise<Cell> {
    const deadline = new AbortController()
    // It keeps the process: whoever closes waits for it.
    const late = delay(START_MS, undefined, { signal: deadline.signal }).then(() => {
      throw new Error(`expected it to be ready within ${START_MS / 1000} s`)
    })
    late.catch(() => {})
    const starting = Promise.all([this.#starter.start(this.#starter.program(hardened)), this.#starter.hello()])
    let cell: Cell | undefined
    try {
      const [walled, hello] = await Promise.race([starting, late])
      if (this.#closed) throw new Error('closed')
      cell = new Cell(walled, { hardened, holdsData: this.#holdsData }, this.#observer)
      this.cells.add(cell)
      cell.hello(JSON.stringify(hello))
      await Promise.race([cell.ready, late])
      cell.weigh()
      await Promise.race([cell.allowance.set(bytes, bytes === this.#bytes), late])
      if (cell.end !== undefined || this.#closed) throw new Error(cell.end?.message ?? 'closed')
      return cell
    } catch (error) {
      cell?.kill('crash', messageOf(error))
      // One that comes after its deadline has nobody.
      if (cell === undefined) starting.then(([walled]) => walled.kill(), () => {})
      throw error
    } finally {
      deadline.abort()
    }
  }

  /** No more cells; those that it made are their owners' to close, those that it makes end here. */
  async close (): Promise<void> {
    this.#closed = true
    this.#spare = undefined
    await Promise.allSettled(this.#making)
  }
}
