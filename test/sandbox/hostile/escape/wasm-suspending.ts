// shows: promises that WebAssembly makes are of this realm (vm2's CVE-2026-47210)
// call: GET /wasm-suspending
// expect: 200 and {"leaked":[]}
// tenant: { "webAssembly": true, "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

type Wasm = Record<string, new (...values: unknown[]) => { exports: Record<string, () => void> }> & { promising?: (f: unknown) => () => Promise<unknown> }
const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: Wasm }
const code = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 2, 7, 1, 1, 109, 1, 102, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 103, 0, 1, 10, 6, 1, 4, 0, 16, 0, 11])

export const attack = endpoint({ api: 'wasm-suspending' }, async () => {
  const kept: unknown[] = []
  const { promising, Suspending } = wasm
  if (promising !== undefined && Suspending !== undefined) {
    for (const f of [async () => { throw new Error('x') }, () => new Promise(resolve => setTimeout(resolve, 1)), () => Promise.reject(new Error('y'))]) {
      const { exports } = new wasm['Instance']!(new wasm['Module']!(code), { m: { f: new Suspending(f) } })
      const promise = promising(exports['g'])()
      kept.push(promise, promise.constructor, Object.getPrototypeOf(promise))
      await promise.finally(() => {}).then(value => kept.push(value), error => kept.push(error))
    }
  }
  return { leaked: reach({ kept }) }
})
