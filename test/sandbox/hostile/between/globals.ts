// shows: what a tenant does to globals and prototypes is its own isolate's
// call: GET /globals-set
// expect: 200 and true
// call: GET /rest/services/5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e/look
// expect: 200 and {"owner":"5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e","module":"vault","polluted":false,"global":false,"secret":"string"}
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'globals-set' }, () => {
  Reflect.set(globalThis, 'polluted', true)
  Reflect.set(Object.prototype, 'polluted', true)
  Reflect.set(Function.prototype, 'polluted', true)
  Symbol.for('polluted')
  return 'polluted' in {}
})
