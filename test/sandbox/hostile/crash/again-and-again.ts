// shows: who ends its cell with each call is answered each time, and harms nobody
// call: GET /again-and-again
// with: { "times": 6 }
// expect: 502 FMS_ERR_CRASH
// call: GET /again-and-again-after
// expect: 200 and 1
// tenant: { "limits": { "turnMs": 3000, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'again-and-again' }, () => 'x'.padEnd(2 ** 29 - 24).split(''))
export const after = endpoint({ api: 'again-and-again-after' }, () => 1)
