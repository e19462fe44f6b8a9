// shows: a result that has no end in memory is no answer
// call: GET /result-array
// expect: 502 or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'result-array' }, () => Array.from({ length: 1_000_000 }, (_, i) => ({ i, text: 'some text' })))
