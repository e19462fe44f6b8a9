// shows: traps of a Proxy that is thrown run within the turn
// call: GET /error-proxy
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'error-proxy' }, () => {
  throw new Proxy(new Error('x'), { get: () => { for (;;); }, getPrototypeOf: () => { for (;;); } })
})
