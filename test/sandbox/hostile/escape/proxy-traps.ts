// shows: traps of what is returned, thrown and logged are given nothing of the platform (vm2's CVE-2023-30547)
// call: GET /proxy-traps/return
// expect: 200
// call: GET /proxy-traps/throw
// expect: 500 FMS_ERR_FUNCTION
// call: GET /proxy-traps/reject
// expect: 500 FMS_ERR_FUNCTION
// call: GET /proxy-traps/log
// expect: 200 and 1
// call: GET /proxy-traps-found
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

const kept: unknown[] = []
const handler = Object.fromEntries(Reflect.ownKeys(Reflect).filter(name => typeof name === 'string').map(name => [name, function (this: unknown, ...values: unknown[]) {
  kept.push(this, ...values)
  return Reflect.apply((Reflect as unknown as Record<string, Function>)[name] as Function, undefined, values) as unknown
}]))
const throwing = new Proxy(new Error('x'), {
  ...handler,
  getPrototypeOf: () => {
    const nested = (): never => { throw new Proxy({}, { get: nested, getPrototypeOf: nested }) }
    return nested()
  }
})

export const attack = endpoint({ api: 'proxy-traps', params: ['kind'] }, async ({ kind }) => {
  const proxy = new Proxy({ a: new Proxy([1, 2], handler) }, handler)
  if (kind === 'throw') throw throwing
  if (kind === 'reject') return Promise.reject(new Proxy(new Error('x'), handler))
  if (kind === 'return') return proxy
  console.log(proxy, throwing, new Proxy(() => {}, handler), new Proxy(new Map([[proxy, proxy]]), handler))
  return 1
})
export const found = endpoint({ api: 'proxy-traps-found' }, () => ({ leaked: reach({ kept }) }))
