// shows: a module that throws while it loads is refused, whatever it throws
// call: GET /top-level-throws
// expect: refused FMS_ERR_MODULE
import { endpoint } from 'fastify-microservices'

const nested = (): never => { throw new Proxy(new Error('x'), { get: nested, getPrototypeOf: nested }) }

export const attack = endpoint({ api: 'top-level-throws' }, () => 1)
nested()
