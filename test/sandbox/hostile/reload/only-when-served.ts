// shows: a module that behaves while it is described, and loops where it is served, breaks its own calls only
// call: GET /only-when-served
// with: { "times": 2 }
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH or 503 FMS_ERR_UNAVAILABLE
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'only-when-served' }, () => 1)
// Where it is served, modules are loaded in a turn that no endpoint's descriptor is read in.
const tag = Reflect.get(attack, Symbol.for('fastify-microservices.endpoint')) as { descriptor: object }
let read = false
Object.defineProperty(tag, 'descriptor', { get: () => { read = true; return { api: 'only-when-served' } } })
void Promise.resolve().then(() => { if (!read) for (;;); })
