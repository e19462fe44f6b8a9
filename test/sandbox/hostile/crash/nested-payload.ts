// shows: deep JSON of a client is an error, or passes through unharmed
// call: POST /nested-payload {"a":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}
// expect: 200 or 400
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ method: 'POST', api: 'nested-payload', args: { type: 'object', properties: { a: { $ref: '#/definitions/a' } }, definitions: { a: { type: ['array', 'number'], items: { $ref: '#/definitions/a' } } } } }, ({ a }) => {
  console.log(a)
  return structuredClone(a)
})
