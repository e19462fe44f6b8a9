// shows: the message of an error that a client sees is cut
// call: GET /error-client
// expect: 400
// tenant: { "limits": { "turnMs": 2000, "memoryMb": 64 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'error-client' }, () => {
  throw Object.assign(new Error('x'.repeat(2 ** 23)), { statusCode: 400 })
})
