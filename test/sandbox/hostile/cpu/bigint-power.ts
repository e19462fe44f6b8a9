// shows: arithmetic of huge BigInts ends (isolated-vm's issue 202)
// call: GET /bigint-power
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'bigint-power' }, () => {
  let value = 3n ** 1_000_000n
  for (;;) value = value * value / (value >> 1n) + (value << 64n)
})
