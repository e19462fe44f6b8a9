// shows: a buffer that grows is held by the limit as any other
// call: GET /resizable-buffer
// expect: 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION or 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'resizable-buffer' }, () => {
  const buffer = new ArrayBuffer(0, { maxByteLength: 2 ** 32 })
  for (let size = 2 ** 20; size <= 2 ** 32; size += 2 ** 20) {
    buffer.resize(size)
    new Uint8Array(buffer, size - 2 ** 20).fill(1)
  }
  return buffer.byteLength
})
