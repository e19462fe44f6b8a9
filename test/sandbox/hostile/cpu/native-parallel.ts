// shows: many native loops at once end, and the calls after them are served
// call: GET /native-parallel
// with: { "parallel": 4 }
// expect: 504 FMS_ERR_TIMEOUT or 503 FMS_ERR_UNAVAILABLE
// call: GET /native-parallel-after
// expect: 200 and 1
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'native-parallel' }, () => [].indexOf.call({ length: 2 ** 53 - 1 } as never, 1 as never))
export const after = endpoint({ api: 'native-parallel-after' }, () => 1)
