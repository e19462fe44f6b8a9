// shows: a schema whose getters loop, throw, or answer differently each time is refused or described once
// call: POST /schema-getters {}
// expect: refused FMS_ERR_MODULE or refused FMS_ERR_DESCRIPTOR
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ method: 'POST', api: 'schema-getters', args: { type: 'object', get properties () { return { get a (): object { for (;;); } } } } }, () => 1)
