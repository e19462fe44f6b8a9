import { readFileSync } from 'node:fs'
import type { Cell } from './cell.ts'

// The kernel counts in these, on all systems that have /proc.
const TICKS_PER_SECOND = 100
const USED = 0.85
// A peak is over before another cell would help.
const SECONDS = 3

/** Tells which cells have more to do than one core can: only then does another shared cell pay. */
export class Saturation {
  readonly #seen = new WeakMap<Cell, { ticks: number, at: number, seconds: number }>()

  readonly #ticksOf: (pid: number) => number

  constructor (ticksOf = readTicks) {
    this.#ticksOf = ticksOf
  }

  /** To be asked about once a second. */
  isSaturated (cell: Cell, now: number): boolean {
    const ticks = this.#ticksOf(cell.walled.pid)
    const before = this.#seen.get(cell) ?? { ticks, at: now, seconds: 0 }
    const used = (ticks - before.ticks) / TICKS_PER_SECOND / ((now - before.at) / 1_000)
    const seconds = used >= USED ? before.seconds + 1 : 0
    this.#seen.set(cell, { ticks, at: now, seconds })
    return seconds >= SECONDS
  }
}

/** User and system time so far, of all threads; 0 where there is no /proc. */
function readTicks (pid: number): number {
  try {
    // After the name, which is in parentheses and may hold anything, come the state and then numbers.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  } catch {
    return 0
  }
}
