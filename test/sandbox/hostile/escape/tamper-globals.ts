// shows: who deletes all globals, or makes them throw, gets its next answer all the same
// call: POST /tamper-globals {"a":"{n}"}
// with: { "times": 3 }
// expect: 200 and {"a":"{n}"}
// call: GET /tamper-globals-error
// expect: 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

const { defineProperty, deleteProperty, ownKeys } = Reflect
const target = globalThis as unknown as Record<PropertyKey, unknown>

export const attack = endpoint({ method: 'POST', api: 'tamper-globals' }, async ({ a }) => {
  for (const name of ownKeys(target)) {
    deleteProperty(target, name)
    defineProperty(target, name, { configurable: true, get: () => { throw 1 as never } })
  }
  return { a }
})
export const error = endpoint({ api: 'tamper-globals-error' }, () => { throw null as never })
