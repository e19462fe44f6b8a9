// shows: a buffer copied into an array, which aborts the process, is the tenant's loss only (isolated-vm's issue 527)
// call: GET /buffer-to-array
// expect: 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'buffer-to-array' }, () => {
  const buffer = new ArrayBuffer(100 * 1024 * 1024)
  const view = new Array(buffer.byteLength)
  const bytes = new Uint8Array(buffer)
  for (let i = view.length; i-- > 0;) view[i] = bytes[i]
  return view.length
})
