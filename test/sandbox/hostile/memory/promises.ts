// shows: promises that fan out end the isolate
// call: GET /promises
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

const two = async (): Promise<unknown> => Promise.all([Promise.resolve().then(two), Promise.resolve().then(two)])

export const attack = endpoint({ api: 'promises' }, two)
