// shows: what calls leave behind counts, until the isolate is ended and the next call begins anew
// call: GET /module-state
// with: { "times": 40 }
// expect: 200 or 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

const kept: unknown[] = []

export const attack = endpoint({ api: 'module-state' }, () => kept.push(Array.from({ length: 100_000 }, (_, i) => ({ i }))))
