// shows: names that the platform keeps for itself cannot be taken
// call: GET /reserved
// expect: 200 and "own"
// call: GET /__dir__
// expect: 200
// call: GET /__directory__
// expect: 404
// call: GET /tenant-api/list
// expect: 404
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'reserved' }, () => 'own')
export const directory = endpoint({ api: '__dir__' }, () => 'forged')
export const management = endpoint({ api: '__directory__' }, () => 'forged')
export const list = endpoint({ api: 'tenant-api/list' }, () => 'forged')
export const other = endpoint({ api: '../5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e/look' }, () => 'forged')
