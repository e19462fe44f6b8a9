// shows: generators and async iterators without an end stop at the turn limit
// call: GET /endless-iteration
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

function * endless (): Generator<number> { for (let i = 0; ; i++) yield i }

export const attack = endpoint({ api: 'endless-iteration' }, async () => {
  let sum = 0
  for await (const value of endless()) sum += value
  return sum
})
