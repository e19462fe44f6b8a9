// shows: what a value says of how it is shown is given nothing of the platform (vm2's GHSA-v37h-5mfm-c47c)
// call: GET /inspect-custom
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

export const attack = endpoint({ api: 'inspect-custom' }, (_, { log }) => {
  const kept: unknown[] = []
  const keep = function (this: unknown, ...values: unknown[]): string {
    kept.push(this, ...values)
    return 'x'
  }
  const value = {
    [Symbol.for('nodejs.util.inspect.custom')]: keep,
    [Symbol.for('nodejs.util.promisify.custom')]: keep,
    [Symbol.toPrimitive]: keep,
    inspect: keep,
    toString: keep,
    valueOf: keep,
    toJSON: keep,
    constructor: { name: { toString: keep } },
    get [Symbol.toStringTag] (): string { return keep.call(this) }
  }
  class Shown extends Map { override get size (): number { keep.call(this); return 3 } override forEach (...values: unknown[]): void { keep.call(this, ...values) } }
  for (const write of [console.log, console.error, console.dir, console.table, console.trace, console.group, console.count as never, console.assert as never, log.info, log.fatal]) {
    write(value)
    write('%o %s %d %c', value, value, value, value)
    write([value], { value }, new Shown(), Object.assign(new Error('x'), { name: value, message: value, stack: value }))
  }
  return { leaked: reach({ kept }) }
})
