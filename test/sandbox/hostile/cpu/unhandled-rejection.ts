// shows: the reason of a rejection that nobody handles is looked at within a turn
// call: GET /unhandled-rejection
// expect: 504 FMS_ERR_TIMEOUT or 200 and 1
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'unhandled-rejection' }, () => {
  const reason = new Error('x')
  for (const name of ['stack', 'message', 'name', 'toString']) Object.defineProperty(reason, name, { get: () => { for (;;); } })
  void Promise.reject(reason)
  return 1
})
