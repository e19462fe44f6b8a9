// shows: WebAssembly's tables end the isolate, or the cell
// call: GET /wasm-table
// expect: 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION or 504 FMS_ERR_TIMEOUT
// tenant: { "webAssembly": true, "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

type Table = new (descriptor: object, value: unknown) => object
const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: { Table: Table } }

export const attack = endpoint({ api: 'wasm-table' }, () => {
  const kept: object[] = []
  for (;;) kept.push(new wasm.Table({ element: 'externref', initial: 10_000_000 }, {}))
})
