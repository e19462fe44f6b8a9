// shows: a schema with more than anybody reads is refused
// call: POST /schema-wide {}
// expect: refused FMS_ERR_DESCRIPTOR or refused FMS_ERR_MODULE
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ method: 'POST', api: 'schema-wide', args: { type: 'object', properties: { a: { enum: Array.from({ length: 1_000_000 }, (_, i) => i) } } } }, () => 1)
