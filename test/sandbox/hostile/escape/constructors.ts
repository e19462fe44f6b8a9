// shows: constructors of all that is handed in make code of this isolate
// call: POST /constructors/a {"object":{"list":[1]},"text":"x"}
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

export const attack: Function = endpoint({ method: 'POST', api: 'constructors' }, (args, context) => {
  const { body, headers, params, query, log, env, signal } = context
  const leaked: string[] = []
  const own: unknown = attack
  for (const [name, value] of Object.entries({ args, context, body, headers, params, query, log, env, signal, console, setTimeout, URL, crypto, endpoint })) {
    const make = (value as { constructor: { constructor: (text: string) => () => unknown } }).constructor.constructor
    const found = make('return [typeof process, typeof require, typeof Buffer, this === globalThis].join()')()
    if (found !== 'undefined,undefined,undefined,true') leaked.push(`${name}: ${String(found)}`)
  }
  return { leaked: [...leaked, ...reach({ args, context, body, headers, params, query, log, env, signal, endpoint, own })] }
})
