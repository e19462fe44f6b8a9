// shows: a regular expression that backtracks ends at the turn limit
// call: GET /regexp
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'regexp' }, () => /^(a+)+$/.test('a'.repeat(50) + '!'))
