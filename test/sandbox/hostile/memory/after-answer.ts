// shows: who allocates after the answer was sent is ended, and served anew
// call: GET /after-answer
// expect: 200 and 1
// call: GET /after-answer-next
// with: { "times": 10 }
// expect: 200 and 2 or 502 FMS_ERR_CRASH
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'after-answer' }, () => {
  const kept: unknown[] = []
  setInterval(() => { kept.push(new Uint8Array(5_000_000).fill(1)) })
  return 1
})
export const after = endpoint({ api: 'after-answer-next' }, () => 2)
