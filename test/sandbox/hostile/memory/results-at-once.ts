// shows: many answers of the largest size at once are answers
// call: GET /results-at-once
// with: { "parallel": 16, "times": 2 }
// expect: 200
// tenant: { "limits": { "turnMs": 2000, "timeoutSecs": 10, "memoryMb": 64 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'results-at-once' }, () => 'x'.repeat(1024 * 1024 - 2))
