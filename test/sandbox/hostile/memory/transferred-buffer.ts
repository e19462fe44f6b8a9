// shows: buffers that are moved about are not forgotten
// call: GET /transferred-buffer
// expect: 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 1000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'transferred-buffer' }, () => {
  const kept: ArrayBuffer[] = []
  for (let i = 1; ; i++) {
    const buffer = new ArrayBuffer(2 ** 20)
    new Uint8Array(buffer).fill(i)
    kept.push(structuredClone(buffer.transfer(2 ** 20 + i), { transfer: [] }).transferToFixedLength())
  }
})
