// shows: values in descriptors that are no plain data are refused, endpoint by endpoint
// call: GET /descriptor-values
// expect: 200 and "own"
// call: GET /descriptor-values-method
// expect: 404
// call: GET /descriptor-values-api
// expect: 404
import { endpoint } from 'fastify-microservices'

const loop = (): never => { for (;;); }

export const attack = endpoint({ api: 'descriptor-values' }, () => 'own')
export const method = endpoint({ api: 'descriptor-values-method', method: { toString: () => 'GET', split: loop } as never }, () => 1)
export const api = endpoint({ api: Object('descriptor-values-api') as never }, () => 1)
export const params = endpoint({ api: 'descriptor-values-params', params: { length: 1, 0: '__proto__', map: loop } as never }, () => 1)
export const timeout = endpoint({ api: 'descriptor-values-timeout', timeoutSecs: Infinity }, () => 1)
export const unknown = endpoint({ api: 'descriptor-values-unknown', config: { rateLimit: false }, handler: 1 } as never, () => 1)
