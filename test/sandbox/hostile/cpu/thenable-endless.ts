// shows: thenables that resolve to thenables end at the turn limit
// call: GET /thenable-endless
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

const again = { then: (resolve: (value: unknown) => void): void => resolve(again) }

export const attack = endpoint({ api: 'thenable-endless' }, () => again)
