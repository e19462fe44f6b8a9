// shows: headers that act on the origin are dropped; those that HTTP does not allow are refused
// call: GET /response-headers/origin
// expect: 200 and "x"
// call: GET /response-headers/count
// expect: 502 FMS_ERR_RESPONSE
// call: GET /response-headers/long
// expect: 502 FMS_ERR_RESPONSE
// call: GET /response-headers/split
// expect: 500 FMS_ERR_FUNCTION
// call: GET /response-headers/name
// expect: 500 FMS_ERR_FUNCTION
// call: GET /response-headers/length
// expect: 200 and "x"
import { endpoint } from 'fastify-microservices'

const kinds: Readonly<Record<string, () => Record<string, string>>> = {
  origin: () => ({ 'set-cookie': 'a=1', 'Set-Cookie2': 'b=1', 'clear-site-data': '"*"', 'service-worker-allowed': '/', 'access-control-allow-origin': '*', 'strict-transport-security': 'max-age=0', 'proxy-authenticate': 'x', upgrade: 'x', trailer: 'x', 'Alt-Svc': 'h3=":1"' }),
  count: () => Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`x-${i}`, 'y'])),
  long: () => ({ x: 'y'.repeat(100_000) }),
  split: () => ({ x: 'a\r\nset-cookie: a=1' }),
  name: () => ({ 'x: y\r\nset-cookie': 'a=1' }),
  length: () => ({ 'content-length': '1000', 'transfer-encoding': 'chunked', connection: 'close', 'content-encoding': 'identity' })
}

export const attack = endpoint({ api: 'response-headers', params: ['kind'] }, ({ kind }) => new Response('"x"', { headers: kinds[kind as string]?.() ?? {} }))
