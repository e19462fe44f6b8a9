// shows: clients that leave while their calls run, wait and crash leave nothing behind
// call: GET /client-leaves/wait
// with: { "parallel": 20, "leaveMs": 40 }
// expect: left
// call: GET /client-leaves/loop
// with: { "parallel": 6, "leaveMs": 60 }
// expect: left
// call: GET /client-leaves/crash
// with: { "parallel": 6, "leaveMs": 2 }
// expect: left or 502 FMS_ERR_CRASH or 503 FMS_ERR_UNAVAILABLE
// call: GET /client-leaves/answer
// expect: 200 and "answer"
// tenant: { "limits": { "turnMs": 3000, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'client-leaves', params: ['kind'] }, ({ kind }) => {
  if (kind === 'wait') return new Promise(() => {})
  if (kind === 'loop') for (;;);
  return kind === 'crash' ? Array.from({ length: 2 ** 32 - 1 }) : kind
})
