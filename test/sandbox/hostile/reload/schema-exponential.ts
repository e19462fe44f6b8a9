// shows: a schema that grows without measure when it is compiled is refused
// call: POST /schema-exponential {}
// expect: refused FMS_ERR_DESCRIPTOR or refused FMS_ERR_MODULE or 200 or 504 FMS_ERR_TIMEOUT or 502
import { endpoint } from 'fastify-microservices'

let schema: Record<string, unknown> = { type: 'object', properties: { a: { type: 'string' } } }
for (let i = 0; i < 18; i++) schema = { allOf: [schema, schema] }

export const attack = endpoint({ method: 'POST', api: 'schema-exponential', args: schema }, () => 1)
