// shows: an array-like Proxy without an end is not written for ever
// call: GET /result-endless-array
// expect: 504 FMS_ERR_TIMEOUT or 502
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'result-endless-array' }, () => new Proxy([], { get: (_, name) => name === 'length' ? 2 ** 53 - 1 : null }))
