// shows: a native replacement of quadratic time ends at the turn limit
// call: GET /regexp-quadratic
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'regexp-quadratic' }, () => 'x'.repeat(2 ** 24).replace(/x*y/g, '').length)
