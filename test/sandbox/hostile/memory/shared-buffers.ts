// shows: shared buffers, which no limit of V8 holds, end the cell
// call: GET /shared-buffers
// expect: 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION or 504 FMS_ERR_TIMEOUT
// tenant: { "webAssembly": true, "limits": { "turnMs": 1000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'shared-buffers' }, () => {
  const kept: SharedArrayBuffer[] = []
  for (let i = 0; ; i++) {
    const buffer = new SharedArrayBuffer(2 ** 20, { maxByteLength: 2 ** 24 })
    buffer.grow(2 ** 24)
    new Uint8Array(buffer).fill(i)
    kept.push(buffer)
  }
})
