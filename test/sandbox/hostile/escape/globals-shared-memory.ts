// shows: nor where a tenant has WebAssembly and shared memory
// call: GET /globals-shared-memory
// expect: 200 and {"leaked":[]}
// tenant: { "webAssembly": true, "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

export const attack = endpoint({ api: 'globals-shared-memory' }, () => ({ leaked: reach({ globalThis }) }))
