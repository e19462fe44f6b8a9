// shows: a module whose microtasks never end is refused
// call: GET /top-level-microtasks
// expect: refused FMS_ERR_MODULE or 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

const again = (): Promise<void> => Promise.resolve().then(again)
void again()

export const attack = endpoint({ api: 'top-level-microtasks' }, () => 1)
