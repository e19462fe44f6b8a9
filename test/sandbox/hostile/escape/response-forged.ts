// shows: a Response that was tampered with is refused, or answers what HTTP allows
// call: GET /response-forged/status
// expect: 200 or 502 FMS_ERR_RESPONSE
// call: GET /response-forged/headers
// expect: 200 or 502 FMS_ERR_RESPONSE or 500 FMS_ERR_FUNCTION
// call: GET /response-forged/create
// expect: 200 or 502 FMS_ERR_RESPONSE or 500 FMS_ERR_FUNCTION
// call: GET /response-forged/proxy
// expect: 200 or 502 FMS_ERR_RESPONSE or 500 FMS_ERR_FUNCTION
// call: GET /response-forged/subclass
// expect: 200 or 502 FMS_ERR_RESPONSE or 500 FMS_ERR_FUNCTION
// call: GET /response-forged/append
// expect: 200 or 502 FMS_ERR_RESPONSE or 500 FMS_ERR_FUNCTION
// call: GET /response-forged/after
// expect: 200
import { endpoint } from 'fastify-microservices'

class Forged extends (Response as unknown as new (body: string) => object) {
  get status (): number { return 101 }
  get headers (): Headers { return { forEach: (see: (value: string, name: string) => void) => see('a=1\r\nx: y', 'set-cookie'), entries: () => [['set-cookie', 'a=1\r\n']], [Symbol.iterator]: () => [['set-cookie', 'a=1\r\n\r\n']].values() } as never }
  get body (): never { throw new Error('x') }
}

const kinds: Readonly<Record<string, () => unknown>> = {
  status: () => Object.defineProperty(new Response('x'), 'status', { value: 101 }),
  headers: () => Object.defineProperty(new Response('x'), 'headers', { value: [['set-cookie', 'a=1\r\n\r\nx']] }),
  create: () => Object.create(new Response('x')) as object,
  proxy: () => new Proxy(new Response('x'), {}),
  subclass: () => new Forged('x'),
  append: () => {
    Reflect.set(Headers.prototype, 'forEach', (see: (value: string, key: string) => void) => see('a=1\r\n\r\n', 'set-cookie'))
    Reflect.set(Headers.prototype, Symbol.iterator, function * () { yield ['set-cookie', 'a=1\r\n\r\n'] })
    return new Response('x', { headers: { a: 'b' } })
  },
  after: () => 'x'
}

export const attack = endpoint({ api: 'response-forged', params: ['kind'] }, ({ kind }) => kinds[kind as string]?.())
