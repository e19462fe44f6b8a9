// shows: who replaces Promise sees nothing of the platform's, and breaks no answer but its own
// call: POST /tamper-promise {"a":"{n}"}
// with: { "times": 3 }
// expect: 200 and {"a":"{n}","leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach, spy } from './_reach.ts'

const kept: unknown[] = []
const wait = (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds))
spy(Promise.prototype, kept)
spy(Promise, kept)

export const attack = endpoint({ method: 'POST', api: 'tamper-promise' }, async ({ a }) => {
  Reflect.set(Promise.prototype, 'then', function (this: unknown) { kept.push(this); return this })
  const { Promise: Original } = globalThis
  Reflect.set(globalThis, 'Promise', function (this: unknown, ...values: unknown[]) { kept.push(this, ...values) })
  try {
    await new Response('x').text()
    await new Blob(['x']).text()
    await null
  } finally {
    globalThis.Promise = Original
  }
  await wait(1)
  return { a, leaked: reach({ kept: kept.filter(value => typeof value !== 'function') }) }
})
