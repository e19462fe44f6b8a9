// shows: buffers outside of the heap count, and end the isolate
// call: GET /typed-arrays
// expect: 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION or 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'typed-arrays' }, () => {
  const kept: Uint8Array[] = []
  for (;;) kept.push(new Uint8Array(1_000_000).fill(1))
})
