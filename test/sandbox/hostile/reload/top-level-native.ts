// shows: a module that never finishes loading, and cannot be interrupted, is refused
// call: GET /top-level-native
// expect: refused FMS_ERR_MODULE
import { endpoint } from 'fastify-microservices'

export const found = [].indexOf.call({ length: 2 ** 53 - 1 } as never, 1 as never)
export const attack = endpoint({ api: 'top-level-native' }, () => 1)
