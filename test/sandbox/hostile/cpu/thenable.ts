// shows: a `then` that loops is called within the turn
// call: GET /thenable
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'thenable' }, () => ({ then: () => { for (;;); } }))
