// shows: symbols that Node gives a meaning to, on all that is handed back, do nothing in the app
// call: GET /symbols
// expect: 200 and {"a":1}
// call: GET /symbols/throw
// expect: 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

const names = ['nodejs.util.inspect.custom', 'nodejs.util.promisify.custom', 'nodejs.rejection', 'nodejs.stream.destroyed', 'nodejs.dispose', 'fastify.display-name', 'pino.metadata', 'skip-override', 'plugin-meta', 'fastify.RESERVED']

export const attack = endpoint({ api: 'symbols', params: ['kind'] }, ({ kind }) => {
  const target: object = kind === 'throw' ? new Error('x') : { a: 1 }
  for (const name of names) Reflect.set(target, Symbol.for(name), () => { throw new Error(name) })
  if (kind === 'throw') throw target as Error
  return target
})
