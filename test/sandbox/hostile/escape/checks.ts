// shows: the checks that are made of a tenant's schemas give it nothing
// call: POST /checks {"text":"{n}","list":["a"]}
// expect: 200 and {"leaked":[]}
// call: POST /checks {"text":1,"list":"x"}
// expect: 400 or 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach, spy } from './_reach.ts'

const kept: unknown[] = []
const target = RegExp.prototype
spy(target, kept)
spy(Array.prototype, kept, ['push', 'concat', 'includes', 'indexOf', 'join'])
spy(Object, kept, ['keys', 'prototype'])
for (const name of ['errors', 'evaluated', 'schema', 'default', 'formats']) {
  Object.defineProperty(Object.prototype, name, { configurable: true, get () { if (kept.length < 500) kept[kept.length] = this; return undefined }, set (value: unknown) { if (kept.length < 500) kept[kept.length] = this; Reflect.defineProperty(this as object, name, { value, writable: true, configurable: true, enumerable: true }) } })
}

export const attack = endpoint({
  method: 'POST',
  api: 'checks',
  args: {
    type: 'object',
    properties: { text: { type: 'string', format: 'uri-reference', pattern: '^.*$' }, list: { type: 'array', items: { enum: ['a', { b: 1 }] }, uniqueItems: true }, more: { type: 'object', default: { a: 1 } } }
  },
  returns: { type: 'object', properties: { leaked: { type: 'array', items: { type: 'string' } } } }
}, (args, context) => {
  kept.push(args)
  for (const name of ['errors', 'evaluated', 'schema', 'default', 'formats']) Reflect.deleteProperty(Object.prototype, name)
  return { leaked: reach({ kept: [...kept], context }) }
})
