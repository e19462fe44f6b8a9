// shows: who replaces the methods of maps, sets, texts and expressions sees nothing of the platform's (vm2's GHSA-whpj-8f3w-67p5)
// call: POST /tamper-collections {"a":"{n}"}
// with: { "times": 3 }
// expect: 200 and {"a":"{n}","leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach, spy } from './_reach.ts'

const kept: unknown[] = []
for (const { prototype } of [Map, Set, WeakMap, WeakSet, String, RegExp, Number, Symbol, Date, Uint8Array, ArrayBuffer, DataView]) spy(prototype, kept)
for (const target of [Math, Number, String, Symbol, Date, Uint8Array, ArrayBuffer, Object.getPrototypeOf(Uint8Array) as object]) spy(target, kept)

export const attack = endpoint({ method: 'POST', api: 'tamper-collections' }, async ({ a }, { log }) => {
  console.log({ a }, new Map([[1, new Set([2])]]), /x/g, new Date(0), Symbol('x'))
  log.info('%s', 'x')
  console.count('x')
  console.time('x')
  new URL('http://a.b/?c=d#e').searchParams.sort()
  new TextDecoder().decode(new TextEncoder().encode('ä'))
  await new Response(new Blob(['x']), { headers: { 'content-type': 'text/plain' } }).text()
  new AbortController().abort()
  structuredClone(new Map([[{}, new Set()]]))
  crypto.getRandomValues(new Uint8Array(4))
  await new Promise(resolve => setTimeout(resolve, 1))
  return { a, leaked: reach({ kept }) }
})
