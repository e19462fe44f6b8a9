// shows: registered symbols and names, which live as long as the isolate, are its own
// call: GET /symbols
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'symbols' }, () => {
  const kept: Record<string, symbol> = {}
  for (let i = 0; ; i++) {
    const name = `${i}${'x'.repeat(1_000)}`
    kept[name] = Symbol.for(name)
  }
})
