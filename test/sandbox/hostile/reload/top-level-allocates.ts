// shows: a module that takes all memory while it loads is refused
// call: GET /top-level-allocates
// expect: refused FMS_ERR_MODULE
import { endpoint } from 'fastify-microservices'

export const kept: unknown[] = []
for (;;) kept.push(new Array(1_000_000).fill(Math.random()))
export const attack = endpoint({ api: 'top-level-allocates' }, () => 1)
