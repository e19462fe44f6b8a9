// shows: nothing but the module's own folder and the allowed packages can be imported
// call: GET /imports
// expect: refused FMS_ERR_MODULE
import { endpoint } from 'fastify-microservices'

// @ts-expect-error there is no such file for the compiler, and must be none for the bundler
import passwd from '/etc/passwd' with { type: 'text' }

export const attack = endpoint({ api: 'imports' }, () => passwd as unknown)
