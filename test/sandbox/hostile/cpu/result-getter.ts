// shows: a getter of the result runs within the turn
// call: GET /result-getter
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'result-getter' }, () => ({ get x (): number { for (;;); } }))
