// shows: huge BigInts are the isolate's memory
// call: GET /bigints
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'bigints' }, () => {
  const kept: bigint[] = []
  for (let i = 0; ; i++) kept.push((1n << BigInt(2 ** 24)) + BigInt(i))
})
