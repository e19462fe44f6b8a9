// shows: a buffer of a gigabyte is refused, or ends the cell
// call: GET /array-buffer
// expect: 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION or 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'array-buffer' }, () => {
  const kept: ArrayBuffer[] = []
  for (let i = 0; i < 4; i++) {
    const buffer = new ArrayBuffer(2 ** 30)
    new Uint8Array(buffer).fill(1)
    kept.push(buffer)
  }
  return kept.length
})
