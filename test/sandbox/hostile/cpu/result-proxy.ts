// shows: traps of a result that is a Proxy run within the turn
// call: GET /result-proxy
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'result-proxy' }, () => new Proxy({}, { ownKeys: (): string[] => { for (;;); } }))
