import { ownerWrites } from './owners.ts'
import { stateReads, stateWrites } from './state.ts'
import { Tokens } from './tokens.ts'
import type { Writing } from './transaction.ts'
import { versionReads, versionWrites } from './versions.ts'

const used = new Tokens()

/** What the worker can be asked for, by name. */
export const reads = { ...stateReads, ...versionReads }
export const writes = {
  ...stateWrites,
  ...ownerWrites,
  ...versionWrites,
  consume: (writing: Writing, ids: readonly string[], expiries: readonly number[]) => used.consume(writing, ids, expiries)
}

export type Reads = typeof reads
export type Writes = typeof writes
