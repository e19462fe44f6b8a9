// shows: the check of a result by its schema runs within the turn
// call: GET /result-returns-getter
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({
  api: 'result-returns-getter', returns: { type: 'object', properties: { x: { type: 'number' } } }
}, () => ({ get x (): number { for (;;); } }))
