// shows: in a cell of one's own, the same limits hold
// call: GET /dedicated/loop
// expect: 504 FMS_ERR_TIMEOUT
// call: GET /dedicated/crash
// expect: 502 FMS_ERR_CRASH
// call: GET /dedicated/answer
// expect: 200 and "answer"
// tenant: { "isolation": "dedicated", "limits": { "turnMs": 3000, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'dedicated', params: ['kind'] }, ({ kind }) => {
  if (kind === 'loop') for (;;);
  return kind === 'crash' ? 'x'.padEnd(2 ** 29 - 24).split('') : kind
})
