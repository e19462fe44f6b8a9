import { readFileSync } from 'node:fs'

/** What the main thread of a cell, which runs the isolates, did so far. */
export interface Processor {
  /** For how long it was on a processor. */
  readonly ranMs: number
  /** It waits for something else than a processor. */
  readonly sleeps: boolean
}

const NS_PER_MS = 1e6

/** Undefined where there is no /proc, or no such process. */
export function processorOf (pid: number): Processor | undefined {
  try {
    const path = `/proc/${pid}/task/${pid}`
    const ranMs = Number(readFileSync(`${path}/schedstat`, 'latin1').split(' ', 1)[0]) / NS_PER_MS
    // After the name, which is in parentheses and may hold anything.
    const stat = readFileSync(`${path}/stat`, 'latin1')
    const state = stat[stat.lastIndexOf(')') + 2]
    return { ranMs, sleeps: state === 'S' || state === 'T' }
  } catch {
    return undefined
  }
}
