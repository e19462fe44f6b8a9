// shows: no import is fetched
// call: GET /imports-url
// expect: refused FMS_ERR_MODULE
import { endpoint } from 'fastify-microservices'

// @ts-expect-error there is nothing there
import { x } from 'http://127.0.0.1:1/x.js'

export const attack = endpoint({ api: 'imports-url' }, () => x as unknown)
