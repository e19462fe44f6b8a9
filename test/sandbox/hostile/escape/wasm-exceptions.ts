// shows: exceptions that WebAssembly catches are of this realm (vm2's GHSA-ffh4-j6h5-pg66)
// call: GET /wasm-exceptions
// expect: 200 and {"leaked":[]}
// tenant: { "webAssembly": true, "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

type Wasm = Record<string, new (...values: unknown[]) => { exports: Record<string, () => void> }> & { compile (bytes: unknown): Promise<unknown>, instantiate (bytes: unknown): Promise<unknown>, JSTag?: unknown }
const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: Wasm }
// (module (import "m" "f" (func)) (func (export "g") call 0))
const code = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 2, 7, 1, 1, 109, 1, 102, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 103, 0, 1, 10, 6, 1, 4, 0, 16, 0, 11])

export const attack = endpoint({ api: 'wasm-exceptions' }, async () => {
  const kept: unknown[] = [wasm.JSTag]
  const overflow = (): unknown => overflow()
  for (const f of [() => { throw new Error('x') }, overflow, () => new URL('::'), () => structuredClone(() => {})]) {
    try {
      new wasm['Instance']!(new wasm['Module']!(code), { m: { f } }).exports['g']!()
    } catch (error) {
      kept.push(error)
    }
  }
  for (const bytes of [null, 1, new Uint8Array(3), new Proxy({}, {}), 'x']) {
    for (const start of [() => wasm.compile(bytes), () => wasm.instantiate(bytes)]) {
      try {
        kept.push(start())
      } catch (error) {
        kept.push(error)
      }
    }
  }
  return { leaked: reach({ kept, wasm }) }
})
