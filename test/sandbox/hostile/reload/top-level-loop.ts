// shows: a module that never finishes loading is refused
// call: GET /top-level-loop
// expect: refused FMS_ERR_MODULE
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'top-level-loop' }, () => 1)
for (;;);
