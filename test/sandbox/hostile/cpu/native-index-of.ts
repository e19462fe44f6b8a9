// shows: a native loop that hears of no timeout ends with its cell
// call: GET /native-index-of
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'native-index-of' }, () => [].indexOf.call({ length: 2 ** 53 - 1 } as never, 1 as never))
