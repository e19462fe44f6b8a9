// shows: arrays in arrays, turned into text, JSON, log and clones, end as errors
// call: GET /nested-arrays
// expect: 502 FMS_ERR_RESPONSE or 500 FMS_ERR_FUNCTION
// call: GET /nested-arrays/text
// expect: 500 FMS_ERR_FUNCTION
// call: GET /nested-arrays/log
// expect: 200 and 1 or 500 FMS_ERR_FUNCTION
// call: GET /nested-arrays/clone
// expect: 500 FMS_ERR_FUNCTION
// call: GET /nested-arrays/flat
// expect: 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'nested-arrays', params: ['kind'] }, ({ kind }) => {
  let value: unknown[] = []
  for (let i = 0; i < 200_000; i++) value = [value]
  if (kind === 'text') return String(value)
  if (kind === 'log') {
    console.log(value)
    return 1
  }
  if (kind === 'clone') return structuredClone(value).length
  return kind === 'flat' ? value.flat(Infinity).length : value
})
