// shows: timers that set timers take no more than their share, and there may not be any number of them
// call: GET /timers-interval
// with: { "times": 5 }
// expect: 200 and 1 or 504 FMS_ERR_TIMEOUT
// call: GET /timers
// expect: 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'timers' }, () => {
  for (let i = 0; i < 1e7; i++) setTimeout(() => {}, 1e9)
})
export const interval = endpoint({ api: 'timers-interval' }, () => {
  for (let i = 0; i < 100; i++) {
    setInterval(() => {
      const until = Date.now() + 5
      while (Date.now() < until);
    })
  }
  return 1
})
