// shows: what web globals make of huge texts is the isolate's memory
// call: GET /encoder
// expect: 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'encoder' }, () => {
  const kept: unknown[] = []
  for (let i = 0; ; i++) kept.push(new TextEncoder().encode(`${i}${'ä'.repeat(2 ** 20)}`), new Blob([`${i}${'x'.repeat(2 ** 20)}`]))
})
