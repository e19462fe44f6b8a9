// shows: a million headers are no answer
// call: GET /headers
// expect: 502 or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 1000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'headers' }, () => {
  const headers = new Headers()
  for (let i = 0; i < 1_000_000; i++) headers.append(`x-${i}`, 'y')
  return new Response('', { headers })
})
