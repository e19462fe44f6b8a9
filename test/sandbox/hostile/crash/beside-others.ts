// shows: calls of one's own beside the one that ends the cell are repeated where that is safe
// call: GET /beside-others/{n}
// with: { "parallel": 12 }
// expect: 200 or 502 FMS_ERR_CRASH or 503 FMS_ERR_UNAVAILABLE
// call: GET /beside-others/1
// expect: 200 and "1"
// tenant: { "limits": { "turnMs": 3000, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'beside-others', params: ['number'] }, ({ number }) => number === '6' ? 'x'.padEnd(2 ** 29 - 24).split('') : number)
