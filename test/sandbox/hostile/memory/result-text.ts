// shows: a result larger than the limit is no answer
// call: GET /result-text
// expect: 502 FMS_ERR_RESPONSE
// tenant: { "limits": { "memoryMb": 64, "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'result-text' }, () => 'x'.repeat(2 ** 24))
