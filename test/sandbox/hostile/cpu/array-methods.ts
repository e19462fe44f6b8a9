// shows: generic array methods over a huge `length` end, one after the other
// call: GET /array-methods/fill
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION
// call: GET /array-methods/reverse
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION
// call: GET /array-methods/copyWithin
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION
// call: GET /array-methods/join
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION
// call: GET /array-methods/toSorted
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION
// call: GET /array-methods/concat
// expect: 200 or 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH or 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

const huge = (): never => ({ length: 2 ** 53 - 2, [Symbol.isConcatSpreadable]: true }) as never
const methods: Readonly<Record<string, () => unknown>> = {
  fill: () => [].fill.call(huge(), 1 as never),
  reverse: () => [].reverse.call(huge()),
  copyWithin: () => [].copyWithin.call(huge(), 0, 1),
  join: () => [].join.call(huge(), ''),
  toSorted: () => [].toSorted.call(huge()),
  concat: () => [].concat(huge())
}

export const attack = endpoint({ api: 'array-methods', params: ['method'] }, ({ method }) => methods[method as string]?.())
