// shows: `replaceAll` on a huge string ends
// call: GET /replace-all
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'replace-all' }, () => 'ab'.repeat(2 ** 27).replaceAll('a', '$&$&').length)
