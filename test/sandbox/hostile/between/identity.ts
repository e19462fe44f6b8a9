// shows: a module is its directory's owner's, whoever it says that it is
// call: GET /identity
// expect: 200 and "own"
// call: GET /rest/services/5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e/identity
// expect: 404
// call: GET /rest/services/70dd81e5-961a-470e-9e88-63d828674757/identity
// expect: 404
import { endpoint } from 'fastify-microservices'

export const __ID__ = '5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e'
export const attack = endpoint({ api: 'identity' }, () => 'own')
