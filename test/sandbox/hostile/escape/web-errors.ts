// shows: errors of all web globals, whatever they are given, are of this realm
// call: GET /web-errors
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

const names = ['AbortController', 'AbortSignal', 'Blob', 'CustomEvent', 'DOMException', 'Event', 'EventTarget', 'Headers', 'Request', 'Response', 'TextDecoder', 'TextEncoder', 'URL', 'URLSearchParams', 'atob', 'btoa', 'structuredClone', 'crypto', 'performance', 'console']
const odd: unknown[] = [undefined, null, -1, 1n, Symbol('x'), '\ud800', {}, [[1, 2, 3]], () => {}, new Proxy({}, { get: () => { throw new Error('trap') } }), { [Symbol.iterator]: () => ({ next: () => 1 }) }, { toString: 1, valueOf: 1 }, new Uint8Array(2), Object.create(null)]

export const attack = endpoint({ api: 'web-errors' }, async () => {
  const kept: unknown[] = []
  const attempt = async (act: () => unknown): Promise<void> => {
    try {
      const value = act()
      kept.push(value)
      if (value instanceof Promise) await Promise.race([value, new Promise(resolve => setTimeout(resolve, 1))])
    } catch (error) {
      kept.push(error)
    }
  }
  for (const name of names) {
    const Global = Reflect.get(globalThis, name) as (new (...values: unknown[]) => object) & ((...values: unknown[]) => unknown)
    for (const value of odd) {
      await attempt(() => typeof Global === 'function' ? new Global(value, value) : Global)
      await attempt(() => Reflect.apply(Global, undefined, [value, value]))
      const made = typeof Global === 'function' ? Global.prototype as object | undefined : Global
      for (const key of made ? Reflect.ownKeys(made) : []) {
        const { value: method, get } = Reflect.getOwnPropertyDescriptor(made as object, key) ?? {}
        if (typeof method === 'function' && key !== 'constructor' && name !== 'console') await attempt(() => Reflect.apply(method, value, [value, value]))
        if (get) await attempt(() => Reflect.apply(get, value, []))
      }
    }
  }
  return { leaked: reach({ kept }) }
})
