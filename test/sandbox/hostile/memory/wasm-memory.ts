// shows: WebAssembly's memory, which no limit of V8 holds, ends the cell
// call: GET /wasm-memory
// expect: 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION or 504 FMS_ERR_TIMEOUT
// tenant: { "webAssembly": true, "limits": { "turnMs": 1000 } }
import { endpoint } from 'fastify-microservices'

type Memory = new (descriptor: object) => { readonly buffer: ArrayBuffer, grow (pages: number): void }
const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: { Memory: Memory } }

export const attack = endpoint({ api: 'wasm-memory' }, () => {
  const kept: object[] = []
  for (let i = 0; ; i++) {
    const memory = new wasm.Memory({ initial: 1, maximum: 65_536, shared: i % 2 === 1 })
    memory.grow(255)
    new Uint8Array(memory.buffer).fill(1)
    kept.push(memory)
  }
})
