// shows: a string longer than V8 has is the function's own error
// call: GET /too-long-string
// expect: 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'too-long-string' }, () => {
  let text = 'x'
  for (;;) text += text
})
