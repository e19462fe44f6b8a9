// shows: `Error.prepareStackTrace` runs within the turn
// call: GET /prepare-stack-trace
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'prepare-stack-trace' }, () => {
  Error.prepareStackTrace = () => { for (;;); }
  return new Error('x').stack
})
