// shows: to clone what loops runs within the turn
// call: GET /structured-clone
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'structured-clone' }, () => structuredClone({ get x (): number { for (;;); } }))
