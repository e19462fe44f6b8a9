// shows: many payloads of the largest size at once are served, or wait
// call: POST /request-bodies {"text":"{n}"}
// with: { "parallel": 30 }
// expect: 200 or 429 FMS_ERR_BUSY
// tenant: { "limits": { "concurrency": 4, "waiting": 8 } }
import { endpoint } from 'fastify-microservices'

const kept: unknown[] = []

export const attack = endpoint({ method: 'POST', api: 'request-bodies' }, ({ text }) => {
  kept.push([text])
  return kept.length > 0
})
