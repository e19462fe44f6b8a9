// shows: maps, sets and objects beyond the memory limit end the isolate
// call: GET /objects
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'objects' }, () => {
  const kept = new Map<object, Set<object>>()
  for (let i = 0; ; i++) kept.set({ i, text: `text ${i}` }, new Set([{ i }]))
})
