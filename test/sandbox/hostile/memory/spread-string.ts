// shows: a huge string spread into an array is the tenant's loss only (isolated-vm's issue 107)
// call: GET /spread-string
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'spread-string' }, () => [...'.'.repeat(2 ** 29 - 24)].length)
