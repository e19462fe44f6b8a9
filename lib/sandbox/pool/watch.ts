import { codeOf, type Home, type Isolate } from './call.ts'
import type { Cell } from './cell.ts'
import { refuse } from './entries.ts'
import { readMark } from './mark.ts'
import { isIdle, OVERHEAD_BYTES } from './placement.ts'
import { processorOf } from './processor.ts'
import type { Rescue } from './rescue.ts'

// A cell is looked at so often while anyone waits for it; else once a second, for what isolates do by themselves.
const FAST_MS = 25
const SLOW_MS = 1_000
// Neighbours move after three looks at one and the same turn: they wait 100 ms at most.
const HELD_MS = 45
// isolated-vm ends most turns at their limit; the host ends the cells where it cannot. A turn is first seen some 25 ms after it began.
const TURN_SLACK_MS = 100
// By the clock, where it did not get the processor for most of it.
const WALL_TIMES = 5
const SILENT_MS = 2_000
const SILENT_MS_MAX = 10_000
// Later than this, the app itself was held up, or the machine slept: what the cells did meanwhile has not been read yet.
const LATE_MS = 250
const MB = 1024 * 1024
// Of what a cell may have: where its isolates are measured often, and where nothing else counts any more.
const MEASURED = 0.6
const EXCESS = 1.25

/** Looks at cells and calls at intervals: who is silent, late, or too large. One timer for all, as calls are many. */
export class Watch {
  readonly #cells: () => readonly Cell[]
  readonly #waiting: ReadonlySet<Home>
  readonly #rescue: Rescue
  readonly #upkeep: (now: number) => void
  #timer: NodeJS.Timeout | undefined
  #fast = false
  #lookAt = 0
  #upkeepAt = 0

  /** @param options.upkeep is called about once a second */
  constructor (options: { cells: () => readonly Cell[], waiting: ReadonlySet<Home>, rescue: Rescue, upkeep: (now: number) => void }) {
    this.#cells = options.cells
    this.#waiting = options.waiting
    this.#rescue = options.rescue
    this.#upkeep = options.upkeep
  }

  /** There is a call: cheap where it knows that. */
  wake (): void {
    if (!this.#fast) this.#start(true)
  }

  stop (): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#fast = false
  }

  #start (fast: boolean): void {
    clearInterval(this.#timer)
    this.#fast = fast
    this.#lookAt = performance.now()
    // After the sockets were read: an answer that is there is not late.
    this.#timer = setInterval(() => setImmediate(this.#look), fast ? FAST_MS : SLOW_MS)
    // Who waits for a call keeps the process; idle cells do not.
    if (!fast) this.#timer.unref()
  }

  readonly #look = (): void => {
    if (this.#timer === undefined) return
    const now = performance.now()
    const late = now - this.#lookAt > LATE_MS + (this.#fast ? FAST_MS : SLOW_MS)
    this.#lookAt = now
    const cells = this.#cells()
    const isUpkeep = now - this.#upkeepAt >= SLOW_MS
    let busy = this.#waiting.size > 0
    for (const cell of cells) {
      if (!isIdle(cell)) {
        busy = true
        cell.busyAt = now
      }
      if (late) cell.pulse.excuse()
      if (isUpkeep || !isIdle(cell)) this.#examine(cell, now)
    }
    this.#refuseLate(cells, now)
    if (isUpkeep) {
      this.#upkeepAt = now
      this.#upkeep(now)
    }
    if (this.#timer === undefined) return
    if (cells.length === 0 && !busy) this.stop()
    else if (busy !== this.#fast) this.#start(busy)
  }

  #examine (cell: Cell, now: number): void {
    const bytes = cell.walled.residentBytes()
    const look = { mark: readMark(cell.walled.mark()), bytes, processor: () => processorOf(cell.walled.pid) }
    const { silentMs, turnMs, turnWallMs, turnBytes, mark } = cell.pulse.beat(now, look)
    const runs = mark.isolate !== 0
    const isolate = cell.ledger.isolates.get(mark.isolate)
    if (isolate !== undefined && turnBytes > isolate.home.tenant.limits.memoryMb * MB + OVERHEAD_BYTES) {
      return cell.kill('memory', `a turn took ${Math.round(turnBytes / MB)} MB`, isolate)
    }
    if (this.#isTooLarge(cell, bytes - cell.idleBytes, silentMs > 0 ? isolate : undefined) || silentMs === 0) return
    const limitMs = isolate?.home.tenant.limits.turnMs ?? longestTurn(cell)
    if (turnMs > limitMs + TURN_SLACK_MS || turnWallMs > limitMs * WALL_TIMES + TURN_SLACK_MS) cell.kill('timeout', `a turn ran for more than ${limitMs} ms`, isolate)
    else if (silentMs > (runs ? limitMs + SILENT_MS_MAX : SILENT_MS)) cell.kill('crash', 'silent', isolate)
    else if (isolate !== undefined && turnMs >= HELD_MS) void this.#rescue.hold(cell, isolate, mark)
    else if (cell.ledger.pings.size === 0) cell.ping()
  }

  /** @param running known only where the cell is silent */
  #isTooLarge (cell: Cell, bytes: number, running: Isolate | undefined): boolean {
    const { ledger, allowance } = cell
    // So that the figures are fresh when it gets worse.
    if (bytes > allowance.bytes * MEASURED) cell.measure()
    if (bytes <= allowance.bytes) return false
    const largest = [...ledger.isolates.values()].reduce<Isolate | undefined>(larger, undefined)
    const offender = running ?? (largest !== undefined && isLarge(largest) ? largest : undefined)
    if (offender === undefined && bytes < allowance.bytes * EXCESS) {
      // Many small ones, or what V8 has not given back: no one's fault, so they may finish.
      cell.drain()
      return false
    }
    cell.kill('memory', `${Math.round(bytes / MB)} MB beyond what it has when idle`, offender)
    return true
  }

  #refuseLate (cells: readonly Cell[], now: number): void {
    for (const cell of cells) {
      for (const pending of cell.ledger.calls.values()) {
        if (now < pending.call.deadline) continue
        refuse(pending, codeOf.timeout, 'no answer within its time')
        cell.forget(pending)
      }
    }
    for (const { queue } of this.#waiting) {
      for (let index = queue.length - 1; index >= 0; index--) {
        const pending = queue[index]
        if (pending === undefined || now < pending.call.deadline) continue
        queue.splice(index, 1)
        refuse(pending, codeOf.timeout, 'no answer within its time')
      }
    }
  }
}

function larger (most: Isolate | undefined, isolate: Isolate): Isolate {
  return most === undefined || isolate.bytes > most.bytes ? isolate : most
}

function isLarge ({ bytes, home }: Isolate): boolean {
  return bytes > home.tenant.limits.memoryMb * MB / 2
}

/** For a turn of an isolate that we know nothing of: it was dropped, or the cell lies. */
function longestTurn (cell: Cell): number {
  let most = 1_000
  for (const { home } of cell.ledger.isolates.values()) most = Math.max(most, home.tenant.limits.turnMs)
  return most
}
