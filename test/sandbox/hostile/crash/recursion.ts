// shows: a stack that ends is the function's own error, and costs nobody anything
// call: GET /recursion
// with: { "times": 3 }
// expect: 500 FMS_ERR_FUNCTION
// call: GET /recursion-after
// expect: 200 and 1
import { endpoint } from 'fastify-microservices'

const deeper = (level: number): number => deeper(level + 1) + 1

export const attack = endpoint({ api: 'recursion' }, () => deeper(0))
export const after = endpoint({ api: 'recursion-after' }, () => 1)
