// shows: the same source of two owners is two modules, with a state each
// call: GET /twin
// with: { "times": 3 }
// expect: 200 and {"count":{n},"owner":"self"}
// call: GET /rest/services/5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e/twin
// expect: 200 and {"count":0,"owner":"5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e"}
// twin: the same file
import { endpoint } from 'fastify-microservices'

let count = 0

export const attack = endpoint({ api: 'twin' }, (_, { owner }) => ({ count: count++, owner: owner === '5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e' ? owner : 'self' }))
