// shows: one who runs all the time, in turns below the limit, does not starve its neighbours
// call: GET /timer-turns
// expect: 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "timeoutSecs": 2 } }
import { endpoint } from 'fastify-microservices'

function work (): void {
  const until = Date.now() + 80
  while (Date.now() < until);
  setTimeout(work)
}

export const attack = endpoint({ api: 'timer-turns' }, () => new Promise(() => work()))
