// shows: iterators and getters that web globals read are given nothing of the platform
// call: GET /initialisers
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

const kept: unknown[] = []
const spied = (): object => new Proxy(function () {}, {
  get (target, name, receiver) {
    kept.push(target, receiver)
    if (name === Symbol.toPrimitive) return () => 'x'
    if (name === Symbol.iterator) {
      return function (this: unknown) {
        kept.push(this)
        return { next (this: unknown, ...values: unknown[]) { kept.push(this, ...values); return { done: true } }, return (...values: unknown[]) { kept.push(...values); return {} } }
      }
    }
    return name === 'length' || name === 'byteLength' ? 1 : undefined
  },
  apply: (_, self, values) => { kept.push(self, ...values as unknown[]); return 'x' },
  construct: (_, values, target) => { kept.push(...values as unknown[], target); return {} }
})

export const attack = endpoint({ api: 'initialisers' }, () => {
  const makers: Array<(value: never) => unknown> = [
    value => new Headers(value), value => new URLSearchParams(value), value => new Response('x', value), value => new Response(value), value => new Request('http://a/', value), value => new Request(value), value => new Blob(value),
    value => new Blob(['x'], value), value => new Event('x', value), value => new URL(value, value), value => new EventTarget().addEventListener('x', value, value), value => structuredClone(1, value), value => structuredClone(value),
    value => new TextDecoder('utf-8', value), value => AbortSignal.any(value), value => AbortSignal.timeout(value), value => crypto.getRandomValues(value), value => Response.json(value, value), value => Response.redirect(value, value), value => new CustomEvent('x', value)
  ]
  for (const make of makers) {
    try {
      kept.push(make(spied() as never))
    } catch (error) {
      kept.push(error)
    }
  }
  return { leaked: reach({ kept }) }
})
