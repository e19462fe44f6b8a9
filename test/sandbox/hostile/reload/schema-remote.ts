// shows: a schema that refers to other places is refused, and nothing is fetched or read
// call: POST /schema-remote {}
// expect: refused FMS_ERR_DESCRIPTOR
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ method: 'POST', api: 'schema-remote', args: { type: 'object', properties: { a: { $ref: 'file:///etc/passwd' }, b: { $ref: 'http://127.0.0.1/schema.json' } } } }, () => 1)
