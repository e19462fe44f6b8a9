// shows: objects of web globals are the isolate's memory, not the cell's
// call: GET /url-flood
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'url-flood' }, () => {
  const kept: unknown[] = []
  for (let i = 0; ; i++) kept.push(new URL(`http://host/${i}/${'x'.repeat(5_000)}`), new AbortController(), new EventTarget())
})
