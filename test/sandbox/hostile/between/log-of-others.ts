// shows: nobody else's log has a line of what a tenant writes, nor do its own lines name another
// call: GET /log-of-others
// with: { "parallel": 4 }
// expect: 200 and 1
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'log-of-others' }, (_, context) => {
  for (const [name, value] of Object.entries({ owner: '0d9e4a76-52f1-4f0e-9a3c-6b1d2e8f7a10', module: 'quiet', api: 'ping', requestId: 'req-1' })) {
    try {
      Object.defineProperty(context, name, { value })
      Object.defineProperty(Object.getPrototypeOf(context), name, { get: () => value })
    } catch { /* Then not. */ }
  }
  context.log.error('of the quiet one')
  console.error('of the quiet one')
  return 1
})
