// shows: strings that double, flattened, end the isolate
// call: GET /ropes
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'ropes' }, () => {
  const kept: string[] = []
  for (let i = 0; ; i++) {
    let text = `${i} ä`
    while (text.length < 2 ** 20) text += text
    // Looking into a rope makes it flat.
    if (text.charCodeAt(2 ** 19) !== 0) kept.push(text)
  }
})
