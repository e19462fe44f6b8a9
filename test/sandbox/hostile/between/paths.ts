// shows: no spelling of a path leads from one's own URL into another's
// call: GET /..%2f5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e%2flook
// expect: 404
// call: GET /%2e%2e/5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e/vault/../look
// expect: 404 or 200 and {"owner":"5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e","module":"vault","polluted":false,"global":false,"secret":"string"}
// call: GET //5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e/look
// expect: 404
// call: GET /paths;5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e/look
// expect: 404
// call: GET /paths/5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e/look
// expect: 200 and ["5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e","look"]
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'paths' }, (_, { params }) => Object.values(params))
