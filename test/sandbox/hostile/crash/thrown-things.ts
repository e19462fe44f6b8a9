// shows: whatever is thrown, the answer is a plain 500, and the log has a line
// call: GET /thrown-things/0
// expect: 500 FMS_ERR_FUNCTION
// call: GET /thrown-things/1
// expect: 500 FMS_ERR_FUNCTION
// call: GET /thrown-things/2
// expect: 500 FMS_ERR_FUNCTION
// call: GET /thrown-things/3
// expect: 500 FMS_ERR_FUNCTION
// call: GET /thrown-things/4
// expect: 500 FMS_ERR_FUNCTION
// call: GET /thrown-things/5
// expect: 500 FMS_ERR_FUNCTION
// call: GET /thrown-things/6
// expect: 500 FMS_ERR_FUNCTION
// call: GET /thrown-things/7
// expect: 500 FMS_ERR_FUNCTION
// call: GET /thrown-things/8
// expect: 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

const revoked = Proxy.revocable({}, {})
revoked.revoke()
const cycle = new Error('cycle')
cycle.cause = cycle
const things: unknown[] = [
  undefined, null, Symbol('x'), 1n, Object.create(null), revoked.proxy, cycle, () => {}, Object.defineProperty(new Error('x'), 'message', { get: () => { throw new Error('y') } })
]

export const attack = endpoint({ api: 'thrown-things', params: ['kind'] }, ({ kind }) => { throw things[Number(kind)] })
