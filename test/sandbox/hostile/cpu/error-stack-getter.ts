// shows: a getter `stack` of what is thrown runs within the turn
// call: GET /error-stack-getter
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'error-stack-getter' }, () => {
  throw Object.defineProperty(new Error('x'), 'stack', { get: () => { for (;;); } })
})
