// shows: descriptions too large for anyone are refused
// call: GET /descriptor-huge
// expect: refused FMS_ERR_MODULE
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'descriptor-huge', description: 'x'.repeat(5_000_000) }, () => 1)
