// shows: regular expressions too deep for their parser end as an error
// call: GET /nested-regexp
// expect: 500 FMS_ERR_FUNCTION or 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'nested-regexp' }, () => new RegExp(`${'(?:'.repeat(500_000)}a${')*'.repeat(500_000)}`).test('a'.repeat(100)))
