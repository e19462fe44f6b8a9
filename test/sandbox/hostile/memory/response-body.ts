// shows: bytes beyond the limit are no answer
// call: GET /response-body
// expect: 502 or 500 FMS_ERR_FUNCTION or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 1000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'response-body' }, () => new Response(new Uint8Array(20 * 1024 * 1024)))
