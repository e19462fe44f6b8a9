// shows: stacks without an end are cut
// call: GET /error-stack
// expect: 500 FMS_ERR_FUNCTION or 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

const deep = (level: number): number => {
  if (level === 0) throw new Error('deep')
  return deep(level - 1) + 1
}

export const attack = endpoint({ api: 'error-stack' }, () => {
  Error.stackTraceLimit = Infinity
  return deep(5_000)
})
