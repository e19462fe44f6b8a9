// shows: one line of log larger than all that may be logged is cut
// call: GET /log-line
// expect: 200 and 1
// tenant: { "limits": { "turnMs": 2000, "memoryMb": 64 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'log-line' }, (_, { log }) => {
  console.log('x'.repeat(2 ** 23))
  log.error({ a: 'ä'.repeat(2 ** 20), b: Array.from({ length: 100_000 }, () => ({})) }, 'y'.repeat(2 ** 20))
  console.error(new Map(Array.from({ length: 10_000 }, (_, i) => [i, 'z'.repeat(100)])))
  return 1
})
