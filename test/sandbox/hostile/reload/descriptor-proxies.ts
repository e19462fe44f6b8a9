// shows: descriptors that are proxies, or answer differently each time, are described once, or refused
// call: GET /descriptor-proxies-0
// expect: 404 or 200 and 1
// call: GET /descriptor-proxies-throw
// expect: 404
// call: GET /descriptor-proxies-fine
// expect: 200 and 2 or 404
import { endpoint } from 'fastify-microservices'

let reads = 0
export const attack = endpoint(new Proxy({}, { get: (_, name) => name === 'api' ? `descriptor-proxies-${reads++}` : undefined, has: () => true, ownKeys: () => ['api'], getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true, value: `descriptor-proxies-${reads++}` }) }), () => 1)
export const throwing = endpoint(new Proxy({ api: 'descriptor-proxies-throw' }, { get: () => { throw new Error('x') }, ownKeys: () => { throw new Error('y') } }), () => 1)
export const fine = endpoint({ api: 'descriptor-proxies-fine' }, () => 2)
