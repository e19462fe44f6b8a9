// shows: compiled code outside of the heap ends the cell, or the turn
// call: GET /wasm-modules
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT or 500 FMS_ERR_FUNCTION
// tenant: { "webAssembly": true, "limits": { "turnMs": 1000 } }
import { endpoint } from 'fastify-microservices'

type Module = new (bytes: Uint8Array) => object
const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: { Module: Module, Instance: new (module: object) => object } }
const code = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 9, 1, 7, 0, 3, 64, 12, 0, 11, 11]

export const attack = endpoint({ api: 'wasm-modules' }, () => {
  const kept: object[] = []
  for (;;) kept.push(new wasm.Instance(new wasm.Module(new Uint8Array(code))))
})
