// shows: the limit of an answer is one of bytes
// call: GET /result-multibyte
// expect: 502 FMS_ERR_RESPONSE
// tenant: { "limits": { "responseBytes": 1000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'result-multibyte' }, () => '€'.repeat(400))
