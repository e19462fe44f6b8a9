// shows: an array-like of the greatest length, which aborts the process, is the tenant's loss only
// call: GET /array-from
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'array-from' }, () => Array.from({ length: 2 ** 32 - 1 }))
