// shows: who loops after the answer was sent loses its isolate, and is served by a new one
// call: GET /timer-after-answer
// expect: 200 and 1
// call: GET /timer-after-answer-next
// expect: 200 and 2 or 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'timer-after-answer' }, () => {
  setTimeout(() => { for (;;); }, 1)
  return 1
})
export const after = endpoint({ api: 'timer-after-answer-next' }, () => 2)
