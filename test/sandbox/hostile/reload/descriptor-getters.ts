// shows: descriptors whose getters loop are refused
// call: GET /descriptor-getters
// expect: refused FMS_ERR_MODULE
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'descriptor-getters', get summary (): string { for (;;); } }, () => 1)
