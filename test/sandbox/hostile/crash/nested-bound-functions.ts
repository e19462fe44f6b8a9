// shows: a chain of bound functions, called, ends as an error or with its cell
// call: GET /nested-bound-functions
// expect: 500 FMS_ERR_FUNCTION or 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'nested-bound-functions' }, () => {
  let bound: (...values: number[]) => unknown = () => 1
  for (let i = 0; i < 1_000_000; i++) bound = bound.bind(null, i)
  return bound()
})
