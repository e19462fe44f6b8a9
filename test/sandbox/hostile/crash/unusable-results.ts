// shows: whatever is returned, the answer is JSON or an error
// call: GET /unusable-results/0
// expect: 502 FMS_ERR_RESPONSE
// call: GET /unusable-results/1
// expect: 502 FMS_ERR_RESPONSE
// call: GET /unusable-results/2
// expect: 502 FMS_ERR_RESPONSE
// call: GET /unusable-results/3
// expect: 502 FMS_ERR_RESPONSE
// call: GET /unusable-results/4
// expect: 502 FMS_ERR_RESPONSE or 500 FMS_ERR_FUNCTION
// call: GET /unusable-results/5
// expect: 502 FMS_ERR_RESPONSE
// call: GET /unusable-results/6
// expect: 500 FMS_ERR_FUNCTION
// call: GET /unusable-results/7
// expect: 200 and null
// call: GET /unusable-results/8
// expect: 502 FMS_ERR_RESPONSE or 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

const revoked = Proxy.revocable({}, {})
revoked.revoke()
const cycle: Record<string, unknown> = {}
cycle['self'] = cycle
const things: unknown[] = [
  Symbol('x'), 1n, () => {}, cycle, revoked.proxy, { toJSON: () => undefined }, new Error('an error'), new Date(NaN), { toJSON () { throw this } }
]

export const attack = endpoint({ api: 'unusable-results', params: ['kind'] }, ({ kind }) => things[Number(kind)])
