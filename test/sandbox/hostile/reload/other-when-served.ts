// shows: a module that exports something else where it is served breaks its own calls only
// call: GET /other-when-served
// expect: 500 FMS_ERR_FUNCTION or 502 or 200 and 1
// call: GET /other-when-served-next
// expect: 200 and 2
import { endpoint } from 'fastify-microservices'

let reads = 0
export const next = endpoint({ api: 'other-when-served-next' }, () => 2)

Reflect.set(eval('module') as object, 'exports', { next, get attack () { return reads++ === 0 ? attack : reads } })
export const attack = endpoint({ api: 'other-when-served' }, () => 1)
