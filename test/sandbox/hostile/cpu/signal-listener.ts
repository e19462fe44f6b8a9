// shows: a listener of the signal that loops, once the client has left, ends with its turn
// call: GET /signal-listener
// with: { "leaveMs": 150 }
// expect: left
// call: GET /signal-listener-after
// expect: 200 and 1 or 504 FMS_ERR_TIMEOUT
// call: GET /signal-listener-after
// expect: 200 and 1
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'signal-listener' }, (_, { signal }) => new Promise(() => {
  signal.addEventListener('abort', () => { for (;;); })
}))
export const after = endpoint({ api: 'signal-listener-after' }, () => 1)
