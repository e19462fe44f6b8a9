// shows: splitting the longest string, which aborts the process, is the tenant's loss only
// call: GET /pad-split
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'pad-split' }, () => 'x'.padEnd(2 ** 29 - 24).split(''))
