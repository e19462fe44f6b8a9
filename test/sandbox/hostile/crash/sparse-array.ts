// shows: an array with one element at its end is walked within the turn
// call: GET /sparse-array
// expect: 504 FMS_ERR_TIMEOUT or 502 or 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'sparse-array' }, () => {
  const sparse: number[] = []
  sparse[2 ** 32 - 2] = 1
  return sparse.concat(sparse.slice(), sparse.toSorted())
})
