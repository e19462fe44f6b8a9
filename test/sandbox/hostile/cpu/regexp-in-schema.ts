// shows: a pattern of a tenant's own schema backtracks within the turn, whatever a client sends
// call: POST /regexp-in-schema {"text":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}
// expect: 504 FMS_ERR_TIMEOUT or 503 FMS_ERR_UNAVAILABLE
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({
  method: 'POST', api: 'regexp-in-schema', args: { type: 'object', properties: { text: { type: 'string', pattern: '^(a+)+$' } } }
}, () => 1)
