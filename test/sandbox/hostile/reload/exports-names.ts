// shows: exports named as what objects have are endpoints, or refused, and nothing else
// call: GET /exports-names
// expect: 200 and "own"
// call: GET /constructor
// expect: 200 and "constructor" or 404
// call: GET /__proto__
// expect: 404
// call: GET /toString
// expect: 200 and "toString" or 404
// call: GET /then
// expect: 200 and "then" or 404
import { endpoint } from 'fastify-microservices'

const named = (name: string): ReturnType<typeof endpoint> => endpoint({}, () => name)
const proto = endpoint({ api: 'exports-proto' }, () => 'proto')

export const attack = endpoint({ api: 'exports-names' }, () => 'own')
const constructor = named('constructor')
const toString = named('toString')
const then = named('then')
const hasOwnProperty = named('hasOwnProperty')
export { constructor, toString, then, hasOwnProperty, proto as __proto__, proto as 'a name with spaces/../x' }
