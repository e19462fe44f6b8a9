// shows: microtasks that queue microtasks end at the turn limit (isolated-vm's issue 185)
// call: GET /microtasks
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

const again = (): Promise<void> => Promise.resolve().then(again)

export const attack = endpoint({ api: 'microtasks' }, async () => {
  queueMicrotask(function next () { queueMicrotask(next) })
  await again()
})
