// shows: who replaces `call`, `apply`, `bind` and `Symbol.hasInstance` sees nothing of the platform's
// call: POST /tamper-function {"a":"{n}"}
// with: { "times": 3 }
// expect: 200 and {"a":"{n}","leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach, spy } from './_reach.ts'

const kept: unknown[] = []
const { apply } = Reflect
for (const name of ['call', 'apply', 'bind', 'toString'] as const) {
  const original = Function.prototype[name] as Function
  Object.defineProperty(Function.prototype, name, { configurable: true, writable: true, value: function (this: unknown, ...values: unknown[]): unknown { kept[kept.length] = this; kept[kept.length] = values; return apply(original, this, values) } })
}
spy(Reflect, kept)
Object.defineProperty(globalThis, 'Function', { value: function (...values: unknown[]) { kept[kept.length] = values } })

export const attack = endpoint({ method: 'POST', api: 'tamper-function' }, async ({ a }, { log, signal }) => {
  const before = kept.length
  console.log(() => {}, class A {}, [a])
  log.info('x')
  signal.addEventListener('abort', () => {})
  new EventTarget().dispatchEvent(new Event('x'))
  new Headers({ a: 'b' }).forEach(() => {})
  await new Promise(resolve => setTimeout(resolve, 1))
  return { a, leaked: reach({ kept: kept.slice(before) }) }
})
