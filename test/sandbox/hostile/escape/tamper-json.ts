// shows: who replaces JSON sees nothing of the platform's, and breaks no answer but its own
// call: POST /tamper-json {"a":"{n}"}
// with: { "times": 3 }
// expect: 200 and {"a":"{n}","leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach, spy } from './_reach.ts'

const kept: unknown[] = []

// Not when it is loaded: describing it would fail.
export const attack = endpoint({ method: 'POST', api: 'tamper-json' }, ({ a }) => {
  if (kept.length === 0) {
    kept.push({})
    spy(JSON, kept)
    Object.defineProperty(globalThis, 'JSON', { get: () => ({ parse: () => ({ forged: true }), stringify: () => '"forged"' }) })
  }
  return { a, leaked: reach({ kept }) }
})
