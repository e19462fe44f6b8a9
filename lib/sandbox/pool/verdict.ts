import type { Pending, Reason } from './call.ts'

/** What becomes of a call whose cell or isolate is gone: it goes elsewhere, breaks the limit, or cannot be helped. */
export type Verdict = 'again' | 'guilty' | 'unavailable'

/** An end, as far as calls are concerned. */
export interface Loss {
  readonly reason: Reason
  /** Whether a call is of the module that did it, or of the tenant, where more is not known. */
  readonly offends: (call: Pending) => boolean
  readonly begun: (call: Pending) => boolean
  /** Calls of theirs that ran when it happened. */
  readonly running: readonly Pending[]
}

// Of calls that never began: the next cell may be held, too, and other calls of the module may end it. Nothing goes round for ever.
const MOVES_MAX = 5

export function judge (call: Pending, loss: Loss): Verdict {
  const offending = loss.offends(call)
  if (!loss.begun(call)) {
    // Where no call ran, the module does not even load: once more, since it was in the company of others.
    const most = offending && loss.running.length === 0 ? 1 : MOVES_MAX
    if (call.moves < most) return 'again'
    return offending ? 'guilty' : 'unavailable'
  }
  const ran = offending && loss.running.includes(call)
  if (ran && loss.running.length === 1) return 'guilty'
  if (call.call.safe && !call.repeated) return 'again'
  // It had its second try, and the same module was ended again.
  return ran && call.call.safe ? 'guilty' : 'unavailable'
}
