// shows: a schema that refers to itself without an end ends with the turn that uses it
// call: POST /schema-recursive {"a":1}
// expect: refused FMS_ERR_DESCRIPTOR or refused FMS_ERR_MODULE or 400 or 500 or 504 FMS_ERR_TIMEOUT or 502
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ method: 'POST', api: 'schema-recursive', args: { type: 'object', allOf: [{ $ref: '#' }] } }, () => 1)
