// shows: `toJSON` of the result runs within the turn
// call: GET /result-to-json
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'result-to-json' }, () => ({ toJSON (): number { for (;;); } }))
