// shows: an alias that is another's uuid stays below one's own
// call: GET /5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e/alias
// expect: 200 and "own"
// call: GET /rest/services/5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e/alias
// expect: 404
// call: GET /rest/services/5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e/look
// expect: 200 and {"owner":"5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e","module":"vault","polluted":false,"global":false,"secret":"string"}
import { endpoint } from 'fastify-microservices'

export const __alias__ = '5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e'
export const attack = endpoint({ api: 'alias' }, () => 'own')
