// shows: promises of the platform's are of no class that a guest names (vm2's CVE-2023-37466)
// call: GET /promise-species
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

const kept: unknown[] = []

class Greedy<T> extends Promise<T> {
  constructor (executor: ConstructorParameters<typeof Promise<T>>[0]) {
    super((resolve, reject) => {
      kept.push(executor)
      executor(resolve, reject)
    })
  }

  static override get [Symbol.species] (): never {
    return function (this: unknown, executor: (...values: unknown[]) => void) {
      kept.push(this, executor)
      executor((value: unknown) => kept.push(value), (value: unknown) => kept.push(value))
    } as never
  }
}

export const attack = endpoint({ api: 'promise-species' }, async () => {
  Object.defineProperty(Promise, Symbol.species, { get: () => Greedy })
  Object.defineProperty(Promise.prototype, 'constructor', { get: () => ({ [Symbol.species]: Greedy }) })
  const given = [new Response('x').text(), new Blob(['x']).arrayBuffer(), new Request('http://a/', { method: 'POST', body: '{' }).json()]
  for (const promise of given) {
    kept.push(promise)
    await promise.then(value => kept.push(value), error => kept.push(error))
  }
  const own = kept.filter(value => typeof value !== 'function')
  return new Greedy(resolve => resolve({ leaked: reach({ own }) }))
})
