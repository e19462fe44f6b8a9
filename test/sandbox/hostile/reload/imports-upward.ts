// shows: what lies above the module's folder cannot be imported
// call: GET /imports-upward
// expect: refused FMS_ERR_MODULE
import { endpoint } from 'fastify-microservices'

// @ts-expect-error there is no such file for the compiler; where it runs, it is the app's environment
import environment from '../../.env' with { type: 'text' }

export const attack = endpoint({ api: 'imports-upward' }, () => environment as unknown)
