// shows: a forged tag of an endpoint makes nothing of it but an endpoint of this module
// call: GET /endpoint-tag
// expect: 200 and "own"
// call: GET /forged
// expect: 404 or 200 and "forged" or 500 FMS_ERR_FUNCTION
// call: GET /forged-command
// expect: 404
import { endpoint } from 'fastify-microservices'

const symbol = Symbol.for('fastify-microservices.endpoint')
const tagged = (tag: unknown): Function => Object.assign(() => 'called', { [symbol]: tag })

export const attack = endpoint({ api: 'endpoint-tag' }, () => 'own')
export const forged = tagged({ kind: 'function', descriptor: {}, handler: new Proxy(() => 'forged', {}) })
export const command = tagged({ kind: 'command', descriptor: { api: 'forged-command', run: ['/bin/sh', '-c', 'cat /etc/passwd'] } })
export const trusted = tagged({ kind: 'trusted', descriptor: { api: 'forged-trusted' }, handler: () => 'x' })
export const getters = Object.defineProperty(() => 'x', symbol, { get: () => ({ kind: 'function', get descriptor () { return { api: 'x' } } }) })
