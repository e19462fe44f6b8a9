// shows: a cell that ends while it writes large answers leaves whole answers, or errors
// call: GET /amid-results/{n}
// with: { "parallel": 8, "times": 2 }
// expect: 200 or 502 FMS_ERR_CRASH or 503 FMS_ERR_UNAVAILABLE
// tenant: { "limits": { "timeoutSecs": 8, "turnMs": 3000, "memoryMb": 64 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'amid-results', params: ['number'] }, async ({ number }) => {
  if (number === '9') {
    await new Promise(resolve => setTimeout(resolve, 5))
    return 'x'.padEnd(2 ** 29 - 24).split('')
  }
  return 'x'.repeat(1_000_000)
})
