// shows: `normalize` of a huge string ends
// call: GET /normalize
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'normalize' }, () => {
  for (;;) '\u1e9b\u0323'.repeat(2 ** 24).normalize('NFKD')
})
