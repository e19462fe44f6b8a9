// shows: a module that ends its cell does not take with it the same source of another owner
// call: GET /twin-crash
// expect: 502 FMS_ERR_CRASH
// call: GET /rest/services/5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e/twin-crash
// expect: 200 and "victim"
// call: GET /rest/services/5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e/look
// expect: 200 and {"owner":"5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e","module":"vault","polluted":false,"global":false,"secret":"string"}
// twin: the same file
// tenant: { "limits": { "turnMs": 3000, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'twin-crash' }, (_, { owner }) => owner === '5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e' ? 'victim' : 'x'.padEnd(2 ** 29 - 24).split(''))
