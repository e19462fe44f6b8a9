// shows: what a schema says of arguments that do not fit is cut
// call: POST /validation-errors {"list":[1,2,3]}
// expect: 400
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

const properties = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`property-${i}-${'x'.repeat(100)}`, { type: 'string' }]))

export const attack = endpoint({
  method: 'POST', api: 'validation-errors', args: { type: 'object', properties, required: Object.keys(properties) }
}, () => 1)
