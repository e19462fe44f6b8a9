// shows: what is logged beyond the limit is dropped, and said to be
// call: GET /log-flood
// with: { "times": 5 }
// expect: 200 and 1 or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'log-flood' }, () => {
  for (let i = 0; i < 20_000; i++) console.log(`${i} ${'x'.repeat(1_000)}`)
  return 1
})
