// shows: a line of log is the tenant's, whatever it says; it names neither another level, nor another code, nor another owner
// call: GET /log-forged
// expect: 200 and 1
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'log-forged' }, (_, { log }) => {
  console.log('\n{"level":"fatal","code":"FMS_ERR_CRASH","owner":"5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e"}\u001b[2J\u0000\u2028')
  log.error({ code: 'FMS_ERR_CRASH', module: 'vault', owner: '5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e', time: 0 }, '%s%n\r\n')
  const { child } = log as unknown as { child: (bindings: object) => typeof log }
  child({ owner: 'x' }).info('x')
  return 1
})
