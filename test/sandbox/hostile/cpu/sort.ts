// shows: sorting a huge array-like ends
// call: GET /sort
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'sort' }, () => [].sort.call({ length: 2 ** 53 - 1, 0: 1, 1: 2 } as never).length)
