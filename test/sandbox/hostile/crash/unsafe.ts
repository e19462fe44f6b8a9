// shows: a call that may not be repeated, and ends its cell, is the offender all the same
// call: POST /unsafe {}
// expect: 502 FMS_ERR_CRASH
// tenant: { "limits": { "turnMs": 3000, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ method: 'POST', api: 'unsafe' }, () => 'x'.padEnd(2 ** 29 - 24).split(''))
