// shows: no number of calls of what the cell does for the isolate outlives the turn
// call: GET /host-calls
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'host-calls' }, () => {
  for (let i = 0; ; i++) {
    crypto.randomUUID()
    if (new URL(`http://a.b/${'c'.repeat(1_000)}?${i}`).href === '') break
  }
})
