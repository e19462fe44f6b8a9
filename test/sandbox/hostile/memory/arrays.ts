// shows: arrays beyond the memory limit end the isolate, by default
// call: GET /arrays
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 1000, "memoryMb": 64 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'arrays' }, () => {
  const kept: unknown[] = []
  for (;;) kept.push(new Array(1_000_000).fill(Math.random()))
})
