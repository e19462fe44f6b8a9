// shows: a context is its call's own, and another class made of it leads nowhere
// call: GET /context
// expect: 200 and {"leaked":[]}
// call: GET /context
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

const kept: unknown[] = []

export const attack = endpoint({ api: 'context' }, (_, context) => {
  const { constructor } = context as unknown as { constructor: new (...values: unknown[]) => object }
  for (const values of [[], [{}], [{ data: { id: 1 } }, { owner: 'x', environment: {}, makeController: (...given: unknown[]) => { kept.push(...given); return {} } }]]) {
    try {
      const made = new constructor(...values)
      kept.push(made)
      for (const name of ['method', 'body', 'log', 'env', 'signal', 'owner']) kept.push(Reflect.get(made, name))
    } catch (error) {
      kept.push(error)
    }
  }
  const leaked = reach({ context, kept, constructor })
  for (const name of ['__proto__', 'toString', 'method', 'log']) Reflect.set(Object.getPrototypeOf(context), name, 'changed')
  return { leaked }
})
