// shows: where a module is described there is nothing of others, no environment, and no way out
// call: GET /describing/__dir__
// expect: 200
// call: GET /describing
// expect: 200 and []
// tenant: { "env": { "OWN": "1" }, "limits": { "memoryMb": 64, "turnMs": 5000, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

const leaked = reach({ globalThis, endpoint, module: (0, eval)('this') as unknown })
const names = ['OWN', 'env', 'environment', 'tool', 'checker', 'describer', 'host', 'polluted'].filter(name => name in globalThis)
// Refused, and so not served, where it is described.
if (leaked.length > 0 || names.length > 0) throw new Error(JSON.stringify([leaked, names]))

export const attack = endpoint({ api: 'describing', summary: JSON.stringify(Object.keys(globalThis)) }, () => leaked)
