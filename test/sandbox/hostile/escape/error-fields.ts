// shows: an error's fields are what the platform lets through, and no more
// call: GET /error-fields/0
// expect: 500 FMS_ERR_FUNCTION
// call: GET /error-fields/1
// expect: 500 FMS_ERR_FUNCTION
// call: GET /error-fields/2
// expect: 500 FMS_ERR_FUNCTION
// call: GET /error-fields/3
// expect: 418
// call: GET /error-fields/4
// expect: 400
// call: GET /error-fields/5
// expect: 500 FMS_ERR_FUNCTION
// call: GET /error-fields/6
// expect: 400
import { endpoint } from 'fastify-microservices'

const fields: readonly object[] = [
  { statusCode: 200 }, { statusCode: 99_999 }, { statusCode: 502, code: 'FMS_ERR_CRASH' },
  { statusCode: 418, headers: { 'set-cookie': 'a=1', 'access-control-allow-origin': '*' } },
  { statusCode: 400, validation: [{ message: 'x', toJSON: () => 'y' }], validationContext: 'body', code: 'FST_ERR_VALIDATION' },
  { statusCode: { valueOf: () => 400 }, status: 401 },
  { statusCode: 400, code: 'FMS_ERR_OPTIONS', name: 'FastifyError', expose: true, stack: 'at /etc/passwd' }
]

export const attack = endpoint({ api: 'error-fields', params: ['kind'] }, ({ kind }) => { throw Object.assign(new Error('own message'), fields[Number(kind)]) })
