// shows: a getter `message` of what an async function throws runs within the turn
// call: GET /error-message-getter
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'error-message-getter' }, async () => {
  await null
  throw Object.defineProperty(new Error('x'), 'message', { get: () => { for (;;); } })
})
