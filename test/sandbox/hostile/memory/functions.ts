// shows: code made of strings is the isolate's memory
// call: GET /functions
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'functions' }, () => {
  const kept: unknown[] = []
  for (let i = 0; ; i++) kept.push(Function(`const a = ${i}; return () => { ${'a + a;'.repeat(10_000)} }`)()())
})
