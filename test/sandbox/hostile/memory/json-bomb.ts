// shows: a JSON text that grows when parsed is the isolate's memory (isolated-vm's issue 202)
// call: GET /json-bomb
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'json-bomb' }, () => JSON.parse(`[${'[],'.repeat(2 ** 22)}[]]`).length)
