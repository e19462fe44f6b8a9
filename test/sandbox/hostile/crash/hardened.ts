// shows: without a JIT compiler, the same limits hold
// call: GET /hardened/loop
// expect: 504 FMS_ERR_TIMEOUT
// call: GET /hardened/native
// expect: 504 FMS_ERR_TIMEOUT
// call: GET /hardened/crash
// expect: 502 FMS_ERR_CRASH
// call: GET /hardened/answer
// expect: 200 and "answer"
// tenant: { "isolation": "hardened", "limits": { "turnMs": 3000, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'hardened', params: ['kind'] }, ({ kind }) => {
  if (kind === 'loop') for (;;);
  if (kind === 'native') return [].indexOf.call({ length: 2 ** 53 - 1 } as never, 1 as never)
  return kind === 'crash' ? 'x'.padEnd(2 ** 29 - 24).split('') : kind
})
