// shows: native memory that is kept from call to call counts: nobody keeps five times the limit
// call: GET /native-kept
// with: { "times": 14 }
// expect: 200 and true or 500 FMS_ERR_FUNCTION or 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
// tenant: { "webAssembly": true, "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

type Memory = new (descriptor: object) => { readonly buffer: ArrayBuffer }
const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: { Memory: Memory } }
const kept: unknown[] = []

/** 20 MB each. */
export const attack = endpoint({ api: 'native-kept' }, () => {
  const memory = new wasm.Memory({ initial: 320, maximum: 320, shared: true })
  new Uint8Array(memory.buffer).fill(1)
  return kept.push(memory) <= 8
})
