// shows: turning headers of a Response into text runs within the turn
// call: GET /response-to-primitive
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'response-to-primitive' }, () => {
  const name = { [Symbol.toPrimitive]: () => { for (;;); } }
  return new Response('', { headers: { name: name as never } })
})
