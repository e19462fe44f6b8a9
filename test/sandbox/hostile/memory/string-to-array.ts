// shows: generic array methods on a huge string are the tenant's loss only (isolated-vm's issue 202)
// call: GET /string-to-array/join
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT or 500 FMS_ERR_FUNCTION or 200
// call: GET /string-to-array/slice
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT or 500 FMS_ERR_FUNCTION
// call: GET /string-to-array/sort
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT or 500 FMS_ERR_FUNCTION
// call: GET /string-to-array/split
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT or 500 FMS_ERR_FUNCTION
// call: GET /string-to-array/match
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT or 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

const huge = (): never => '1'.repeat(0x7ffffff) as never
const ways: Readonly<Record<string, () => { length: number } | null>> = {
  join: () => [].join.call(huge()),
  slice: () => [].slice.call(huge()),
  sort: () => [].sort.call(huge()),
  split: () => (huge() as string).split(/1/),
  match: () => (huge() as string).match(/1/g)
}

export const attack = endpoint({ api: 'string-to-array', params: ['way'] }, ({ way }) => ways[way as string]?.()?.length)
