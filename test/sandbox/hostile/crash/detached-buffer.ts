// shows: buffers that are gone, given to web globals and as a result
// call: GET /detached-buffer
// expect: 200 or 500 FMS_ERR_FUNCTION or 502 FMS_ERR_RESPONSE
// call: GET /detached-buffer/response
// expect: 200 or 500 FMS_ERR_FUNCTION or 502 FMS_ERR_RESPONSE
// call: GET /detached-buffer/decode
// expect: 200 or 500 FMS_ERR_FUNCTION
// call: GET /detached-buffer/random
// expect: 200 or 500 FMS_ERR_FUNCTION
// call: GET /detached-buffer/shrinking
// expect: 200 or 500 FMS_ERR_FUNCTION or 502 FMS_ERR_RESPONSE
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'detached-buffer', params: ['kind'] }, ({ kind }) => {
  const bytes = new Uint8Array(2 ** 16)
  if (kind === 'shrinking') {
    const buffer = new ArrayBuffer(2 ** 16, { maxByteLength: 2 ** 16 })
    const response = new Response(new Uint8Array(buffer))
    buffer.resize(0)
    return response
  }
  const response = kind === 'response' ? new Response(bytes) : undefined
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  if (kind === 'decode') return new TextDecoder().decode(bytes)
  if (kind === 'random') return crypto.getRandomValues(bytes).length
  return response ?? bytes
})
