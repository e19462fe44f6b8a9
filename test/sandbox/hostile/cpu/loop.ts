// shows: a loop ends at the turn limit, whatever that is by default
// call: GET /loop
// expect: 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 1000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'loop' }, () => {
  for (;;);
})
