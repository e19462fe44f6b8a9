// shows: one call of what the cell does for the isolate, with a huge text, ends
// call: GET /host-call-huge
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'host-call-huge' }, () => {
  for (;;) {
    if (URL.canParse(`http://${'ä.'.repeat(2 ** 22)}`)) return new TextEncoder().encode('x'.repeat(2 ** 23)).length
    btoa(String.fromCharCode(255).repeat(2 ** 22))
  }
})
