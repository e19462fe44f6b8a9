// shows: a tenant's environment is its own entries, and no call changes it for the next
// call: GET /environment
// with: { "times": 2 }
// expect: 200 and {"OWN":"1","leaked":[]}
// tenant: { "env": { "OWN": "1" } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'environment' }, (_, { env }) => {
  const leaked: string[] = []
  for (const name of ['PATH', 'HOME', 'HOSTILE_CANARY', 'SECRET', 'NODE_OPTIONS', 'PWD', 'VICTIM_SECRET', 'npm_config_cache']) if (name in env) leaked.push(name)
  Reflect.set(env, 'OWN', 'changed')
  Reflect.set(env, 'MORE', 'x')
  Reflect.deleteProperty(env, 'OWN')
  Reflect.defineProperty(env, 'OWN', { value: 'changed' })
  return { ...env, leaked }
})
