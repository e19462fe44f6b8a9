// shows: a module and an endpoint named as another's are one's own
// call: GET /vault/look
// expect: 200 and "own"
// call: GET /rest/services/5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e/vault/look
// expect: 200 and {"owner":"5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e","module":"vault","polluted":false,"global":false,"secret":"string"}
import { endpoint } from 'fastify-microservices'

export const look = endpoint({ api: 'look' }, () => 'own')
