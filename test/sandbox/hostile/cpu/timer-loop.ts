// shows: a loop in a timer's callback is its tenant's
// call: GET /timer-loop
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'timer-loop' }, () => new Promise(() => {
  setTimeout(() => { for (;;); }, 10)
}))
