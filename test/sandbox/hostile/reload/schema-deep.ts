// shows: a schema too deep for what reads it is refused
// call: POST /schema-deep {}
// expect: refused FMS_ERR_DESCRIPTOR or refused FMS_ERR_MODULE
import { endpoint } from 'fastify-microservices'

let schema: Record<string, unknown> = { type: 'string' }
for (let i = 0; i < 20_000; i++) schema = { type: 'object', properties: { a: schema } }

export const attack = endpoint({ method: 'POST', api: 'schema-deep', args: schema }, () => 1)
