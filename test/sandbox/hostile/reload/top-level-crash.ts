// shows: a module that ends the process that loads it is refused
// call: GET /top-level-crash
// expect: refused FMS_ERR_MODULE
import { endpoint } from 'fastify-microservices'

export const parts = 'x'.padEnd(2 ** 29 - 24).split('')
export const attack = endpoint({ api: 'top-level-crash' }, () => 1)
