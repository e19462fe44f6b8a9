// shows: a call with more arguments than a stack holds ends as an error
// call: GET /apply-huge
// expect: 500 FMS_ERR_FUNCTION or 502 FMS_ERR_CRASH
// tenant: { "limits": { "memoryMb": 64 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'apply-huge' }, () => Math.max.apply(null, new Array(5_000_000) as number[]) + String.fromCharCode(...new Array(5_000_000) as number[]).length)
