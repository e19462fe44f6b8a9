import type { Isolate, Pending } from './call.ts'
import { MARK_BYTES } from '../protocol.ts'

/** What a cell says it is at: see protocol.ts. */
export interface Mark {
  /** 0: none runs. */
  readonly isolate: number
  readonly turn: number
  /** The last call before this tick, and the last in it. */
  readonly before: number
  readonly last: number
}

const NOTHING: Mark = { isolate: 0, turn: 0, before: 0, last: 0 }

export function readMark (bytes: Buffer): Mark {
  if (bytes.length < MARK_BYTES) return NOTHING
  const [isolate, turn, before, last] = [0, 4, 8, 12].map(offset => bytes.readUInt32LE(offset)) as [number, number, number, number]
  return { isolate, turn, before, last }
}

/** A call that a cell has been sent, whether or not anyone still waits for it. */
export type Sent = Pick<Pending, 'id'> & { readonly isolate: Isolate | undefined }

/**
 * Tells which calls may have begun. Where it cannot be known, they have.
 *
 * @param sent all calls without an answer, forgotten ones included: the order in which isolates run is that of their first
 */
export function begunBy (mark: Mark, sent: Iterable<Sent>): (call: Sent) => boolean {
  const { before, last } = mark
  if (mark.isolate === 0) return ({ id }) => id <= last
  const first = new Map<Isolate, number>()
  let current = Infinity
  for (const { id, isolate } of sent) {
    if (isolate === undefined || id <= before || id > last) continue
    first.set(isolate, Math.min(id, first.get(isolate) ?? Infinity))
    if (isolate.id === mark.isolate) current = Math.min(id, current)
  }
  return ({ id, isolate }) => {
    if (id <= before || isolate === undefined || isolate.id === mark.isolate) return id <= last
    if (id > last) return false
    // Some of its calls of this tick are answered, so it had its turn.
    return isolate.answered > before || (first.get(isolate) ?? id) < current
  }
}

/** The calls that ran when it was looked: those of the running turn, or, where it is none's (a timer's), all that the isolate has begun. */
export function runningIn (isolate: Isolate, mark: Mark, calls: readonly Pending[]): Pending[] {
  const own = calls.filter(call => call.isolate === isolate && call.id <= mark.last)
  const turn = own.filter(({ id }) => id > mark.before)
  return turn.length > 0 ? turn : own
}
