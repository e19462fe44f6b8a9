// shows: a result that is small in memory and huge as JSON is no answer
// call: GET /result-repeated
// expect: 502 or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'result-repeated' }, () => {
  let value: unknown = 'x'
  for (let i = 0; i < 12; i++) value = Array.from({ length: 10 }, () => value)
  return value
})
