// shows: what timers give, take and call is of this realm (vm2's issue 276)
// call: GET /timers
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

export const attack = endpoint({ api: 'timers' }, async () => {
  const kept: unknown[] = []
  const look = function (this: unknown, ...values: unknown[]): void { kept.push(this, ...values) }
  kept.push(setTimeout(look, 1, { a: 1 }), setInterval(look, 1), queueMicrotask(look))
  for (const value of ['kept.push(this)', {}, null, { handleEvent: look }, Symbol('x')]) {
    for (const start of [setTimeout, setInterval, queueMicrotask] as Array<(value: unknown) => unknown>) {
      try {
        kept.push(start(value))
      } catch (error) {
        kept.push(error)
      }
    }
  }
  for (const value of [{ valueOf: look }, Symbol.iterator, 1n, NaN, { [Symbol.toPrimitive]: look }]) {
    try {
      clearTimeout(value as never)
      setTimeout(() => {}, value as never)
    } catch (error) {
      kept.push(error)
    }
  }
  await new Promise(resolve => setTimeout(resolve, 10))
  return { leaked: reach({ kept }) }
})
