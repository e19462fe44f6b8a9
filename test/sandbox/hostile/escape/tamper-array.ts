// shows: who replaces the methods of arrays, or their elements, sees nothing of the platform's
// call: POST /tamper-array {"a":"{n}"}
// with: { "times": 3 }
// expect: 200 and {"a":"{n}","leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach, spy } from './_reach.ts'

const kept: unknown[] = []
spy(Array.prototype, kept)
spy(Array, kept)
for (let i = 0; i < 50; i++) {
  Object.defineProperty(Array.prototype, i, {
    configurable: true,
    get () { return undefined },
    set (value: unknown) { Object.defineProperty(this, i, { value, writable: true, enumerable: true, configurable: true }); if (this !== kept && kept.length < 500) Reflect.defineProperty(kept, kept.length, { value: this, writable: true, enumerable: true, configurable: true }) }
  })
}

export const attack = endpoint({ method: 'POST', api: 'tamper-array' }, async ({ a }, { log }) => {
  console.log([1, 2], { a: [3] }, new Map([[1, 2]]))
  log.info({ a: 1 }, 'x')
  new URLSearchParams([['a', 'b']]).append('c', 'd')
  new Headers({ a: 'b' }).set('c', 'd')
  structuredClone([1, [2]])
  setTimeout(() => {}, 1)
  await new Promise(resolve => setTimeout(resolve, 2))
  for (let i = 0; i < 50; i++) delete (Array.prototype as unknown as Record<number, unknown>)[i]
  return { a, leaked: reach({ kept: [...kept] }) }
})
