// shows: a loop in WebAssembly ends at the turn limit
// call: GET /wasm-loop
// expect: 504 FMS_ERR_TIMEOUT
// tenant: { "webAssembly": true }
import { endpoint } from 'fastify-microservices'

type WebAssembly = { Module: new (bytes: Uint8Array) => object, Instance: new (module: object) => { readonly exports: Record<string, () => void> } }
const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: WebAssembly }
// (module (func (export "f") (loop br 0)))
const code = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 9, 1, 7, 0, 3, 64, 12, 0, 11, 11]

export const attack = endpoint({ api: 'wasm-loop' }, () => {
  const { exports } = new wasm.Instance(new wasm.Module(new Uint8Array(code)))
  exports['f']?.()
})
