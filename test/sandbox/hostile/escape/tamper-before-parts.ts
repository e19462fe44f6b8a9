// shows: web globals that are first used after everything was replaced give nothing away
// call: GET /tamper-before-parts
// expect: 200 and []
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach, spy } from './_reach.ts'

const kept: unknown[] = []

export const attack = endpoint({ api: 'tamper-before-parts' }, () => {
  for (const name of Reflect.ownKeys(globalThis)) {
    const { value } = Reflect.getOwnPropertyDescriptor(globalThis, name) ?? {}
    if (typeof value !== 'function' || name === 'eval') continue
    if (typeof (value as { prototype?: unknown }).prototype === 'object') spy((value as { prototype: object }).prototype, kept)
    if (value !== Function) spy(value as object, kept)
  }
  for (const target of [Reflect, Math, JSON, console]) spy(target, kept)
  const used: unknown[] = []
  for (const name of ['AbortController', 'Blob', 'CustomEvent', 'DOMException', 'Event', 'Headers', 'Request', 'Response', 'TextDecoder', 'TextEncoder', 'URL', 'URLSearchParams', 'atob', 'btoa', 'crypto', 'performance', 'reportError', 'structuredClone']) {
    try {
      used.push(Reflect.get(globalThis, name))
    } catch (error) {
      used.push(error)
    }
  }
  return reach({ kept: [...kept], used })
})
