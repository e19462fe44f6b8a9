// shows: errors that the runtime itself throws between awaits are of this realm (vm2's CVE-2026-45411)
// call: GET /async-generator-return
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

export const attack = endpoint({ api: 'async-generator-return' }, async () => {
  const kept: unknown[] = []
  const overflow = (): unknown => overflow()
  async function * inner (): AsyncGenerator<unknown> {
    try {
      yield * { [Symbol.asyncIterator]: () => ({ next: async () => ({ value: 1, done: false }), return: () => ({ get then () { return overflow() } }) }) } as unknown as AsyncGenerator
    } catch (error) {
      kept.push(error)
    }
  }
  const generator = inner()
  await generator.next()
  await generator.return({ then: (resolve: (value: unknown) => void) => resolve({ get then () { throw overflow() } }) }).catch((error: unknown) => kept.push(error))
  for (const value of [null, undefined, 1, Symbol.iterator]) {
    try {
      for await (const given of { [Symbol.asyncIterator]: () => value } as never as AsyncIterable<unknown>) kept.push(given)
    } catch (error) {
      kept.push(error)
    }
  }
  return { leaked: reach({ kept }) }
})
