// shows: a call that waits for nothing ends at its wall time
// call: GET /never-settles
// expect: 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "timeoutSecs": 1 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'never-settles' }, () => new Promise(() => {}))
