// shows: calls that wait for nothing take their tenant's places only, and only until their time is over
// call: GET /never-settles-many
// with: { "parallel": 24 }
// expect: 504 FMS_ERR_TIMEOUT or 429 FMS_ERR_BUSY
// call: GET /never-settles-many-after
// expect: 200 and 1
// tenant: { "limits": { "timeoutSecs": 1, "concurrency": 8, "waiting": 8 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'never-settles-many' }, () => new Promise(() => {}))
export const after = endpoint({ api: 'never-settles-many-after' }, () => 1)
