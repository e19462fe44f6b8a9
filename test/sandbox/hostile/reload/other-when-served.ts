// shows: a module that exports something else where it is served breaks its own calls only
// call: GET /other-when-served
// expect: 500 FMS_ERR_FUNCTION or 502 or 200 and 1
// call: GET /other-when-served-next
// expect: 200 and 2
import { endpoint } from 'fastify-microservices'

let reads = 0
export const next = endpoint({ api: 'other-when-served-next' }, () => 2)
// eslint-disable-next-line no-eval -- direct, to see the module's own
Object.defineProperty(eval('exports'), 'attack', { enumerable: true, configurable: true, get: () => reads++ === 0 ? endpoint({ api: 'other-when-served' }, () => 1) : reads })
export const attack = endpoint({ api: 'other-when-served' }, () => 1)
