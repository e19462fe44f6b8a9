// shows: a module that waits at its top level is refused
// call: GET /top-level-await
// expect: refused FMS_ERR_MODULE
import { endpoint } from 'fastify-microservices'

await new Promise(() => {})

export const attack = endpoint({ api: 'top-level-await' }, () => 1)
