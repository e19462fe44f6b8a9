// shows: writing a huge BigInt ends
// call: GET /bigint-text
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'bigint-text' }, () => {
  const value = (1n << BigInt(2 ** 26)) - 1n
  for (;;) value.toString(7)
})
