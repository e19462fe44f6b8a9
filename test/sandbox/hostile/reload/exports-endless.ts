// shows: exports without an end are refused
// call: GET /exports-endless
// expect: refused FMS_ERR_MODULE or 404
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'exports-endless' }, () => 1)

Reflect.set(eval('module') as object, 'exports', new Proxy({}, {
  ownKeys: () => Array.from({ length: 5_000_000 }, (_, i) => `attack${i}`),
  getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true, value: attack }),
  get: () => attack
}))
