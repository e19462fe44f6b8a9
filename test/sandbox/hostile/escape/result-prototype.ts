// shows: a result with names of prototypes is text, and changes nothing in the app
// call: GET /result-prototype
// expect: 200 and {"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}
// call: GET /result-prototype/throw
// expect: 500 FMS_ERR_FUNCTION
// call: GET /result-prototype/invalid?__proto__=1
// expect: 200 and {"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}
import { endpoint } from 'fastify-microservices'

const text = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'

export const attack = endpoint({ api: 'result-prototype', params: ['kind'] }, ({ kind }) => {
  if (kind === 'throw') throw Object.assign(new Error('x'), JSON.parse(text), { validation: JSON.parse(text) as object })
  return JSON.parse(text) as object
})
