// shows: the old ways to prototypes and accessors lead nowhere (vm2's GHSA-grj5-jjm8-h35p)
// call: GET /lookup-getter
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

type Old = { __lookupGetter__ (name: string): (() => unknown) | undefined, __defineGetter__ (name: string, get: () => unknown): void }

export const attack = endpoint({ api: 'lookup-getter' }, (args, context) => {
  const kept: unknown[] = []
  for (const value of [args, context, context.log, context.env, console, URL, crypto, setTimeout, new URL('http://a/'), new Headers()] as unknown as Old[]) {
    const getPrototype = ({} as Old).__lookupGetter__('__proto__')
    let proto = getPrototype?.call(value)
    for (let i = 0; i < 10 && proto !== null && proto !== undefined; i++) {
      kept.push(proto, (proto as Old).__lookupGetter__?.('constructor'))
      proto = getPrototype?.call(proto)
    }
  }
  const names = ['method', 'body', 'signal', 'log', 'env']
  const thrown: unknown[] = []
  for (const name of names) {
    const get = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(context), name)?.get
    for (const receiver of [{}, null, Object.create(context), new Proxy(context, {}), globalThis]) {
      try {
        kept.push(get?.call(receiver))
      } catch (error) {
        thrown.push(error)
      }
    }
  }
  return { leaked: reach({ kept, thrown }) }
})
