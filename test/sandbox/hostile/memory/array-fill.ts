// shows: `fill` of a huge array, which passes the heap's limit, ends the isolate (isolated-vm's issues 137 and 186)
// call: GET /array-fill
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'array-fill' }, () => [new Array(2 ** 25).fill(0), new Array(2 ** 25).fill(0.5), new Array(2 ** 26).fill({})].length)
