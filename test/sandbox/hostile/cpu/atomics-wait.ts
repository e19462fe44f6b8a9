// shows: a thread that waits natively is ended
// call: GET /atomics-wait
// expect: 504 FMS_ERR_TIMEOUT or 500 FMS_ERR_FUNCTION or 502 FMS_ERR_CRASH
// tenant: { "webAssembly": true }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'atomics-wait' }, () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
