// shows: who replaces the classes of errors sees nothing of the platform's
// call: GET /tamper-errors
// expect: 500 FMS_ERR_FUNCTION
// call: GET /tamper-errors-found
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

const kept: unknown[] = []

function keep (this: unknown, ...values: unknown[]): object {
  kept.push(this, ...values)
  return {}
}

export const attack = endpoint({ api: 'tamper-errors' }, async () => {
  for (const name of ['Error', 'TypeError', 'RangeError', 'SyntaxError', 'DOMException', 'AggregateError']) Reflect.set(globalThis, name, keep)
  for (const act of [() => new URL('::'), () => atob('%'), () => structuredClone(() => {}), () => new Headers([['a b', 'c']]), () => setTimeout(1 as never), () => new AbortController().signal.throwIfAborted(), () => new Response('x', { status: 1 })]) {
    try {
      act()
    } catch (error) {
      kept.push(error)
    }
  }
  throw keep
})
export const found = endpoint({ api: 'tamper-errors-found' }, () => ({ leaked: reach({ kept: kept.filter(value => typeof value !== 'function') }) }))
