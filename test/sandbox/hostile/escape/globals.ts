// shows: nothing that can be reached from the globals is the cell's
// call: GET /globals
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

export const attack = endpoint({ api: 'globals' }, () => ({ leaked: reach({ globalThis }) }))
