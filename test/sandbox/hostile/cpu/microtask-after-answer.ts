// shows: microtasks after the answer run within its turn, and take the answer with them
// call: GET /microtask-after-answer
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'microtask-after-answer' }, () => {
  void Promise.resolve().then(() => Promise.resolve()).then(() => { for (;;); })
  return 1
})
