// shows: `String.raw` over a huge length ends
// call: GET /string-raw
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'string-raw' }, () => String.raw({ raw: { length: 2 ** 53 - 1 } as never }).length)
