// shows: errors are cut to a size that may be logged
// call: GET /error-message
// expect: 500 FMS_ERR_FUNCTION
// tenant: { "limits": { "turnMs": 2000, "memoryMb": 64 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'error-message' }, () => {
  const message = 'x'.repeat(2 ** 23)
  throw Object.assign(new AggregateError([new Error(message), new Error(message)], message, { cause: new Error(message) }), { code: message, stack: message })
})
