// shows: a native loop in a call that may not be repeated is ended all the same
// call: POST /native-unsafe {}
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ method: 'POST', api: 'native-unsafe' }, () => [].lastIndexOf.call({ length: 2 ** 53 - 1 } as never, 1 as never))
