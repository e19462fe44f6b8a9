import { type Host, type Part, connect } from './common/cell.ts'
import { AbortController, AbortSignal, exposeAbort } from './events/abort.ts'
import { CustomEvent, Event, exposeEvents } from './events/event.ts'
import { reportError } from './events/report.ts'
import { EventTarget, exposeTarget } from './events/target.ts'

export default function events (host: Host, part: Part): Events {
  connect(host, part)
  exposeEvents()
  exposeTarget()
  exposeAbort()
  return { AbortController, AbortSignal, CustomEvent, Event, EventTarget, reportError }
}

/** What other parts use of it. */
export interface Events extends Record<string, unknown> {
  readonly AbortController: typeof AbortController
  readonly AbortSignal: typeof AbortSignal
}
