// shows: no name of a payload or a query reaches a prototype
// call: POST /payload-prototype {"__proto__":{"polluted":true}}
// expect: 400
// call: POST /payload-prototype?__proto__=1&__proto__[polluted]=1&constructor=x {"constructor":{"prototype":{"polluted":true}},"prototype":1,"a":{"b":1}}
// expect: 200 and {"names":["__proto__[polluted]","a"],"polluted":false}
// call: POST /payload-prototype?constructor.prototype.polluted=1 {"__map__":{"parm_1":"x"},"hasOwnProperty":1,"toString":2,"valueOf":3}
// expect: 200 and {"names":["constructor.prototype.polluted","hasOwnProperty","toString","valueOf"],"polluted":false}
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ method: 'POST', api: 'payload-prototype' }, args => ({ names: Object.keys(args).sort(), polluted: 'polluted' in {} || 'polluted' in args || Object.getPrototypeOf(args)?.polluted !== undefined }))
