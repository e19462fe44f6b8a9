// shows: the constructors of functions of all kinds make code of this isolate, which imports nothing
// call: GET /function-kinds
// expect: 200 and {"leaked":[]}
import { endpoint } from 'fastify-microservices'

type Make = (text: string) => () => unknown

export const attack = endpoint({ api: 'function-kinds' }, async () => {
  const leaked: string[] = []
  for (const sample of [() => {}, async () => {}, function * () {}, async function * () {}]) {
    const make = (Object.getPrototypeOf(sample) as { constructor: Make }).constructor
    for (const text of ['return import("node:fs")', 'return import("fs")', 'return import("data:text/javascript,export default 1")', 'return import.meta', 'return process', 'return require("fs")']) {
      try {
        let found = make(text)() as unknown as { next?: () => unknown, value?: unknown }
        if (typeof found?.next === 'function') found = await found.next() as { value?: unknown }
        const value = await (found?.value ?? found)
        leaked.push(`${text}: ${typeof value}`)
      } catch (error) {
        if ((error as { constructor: { constructor: unknown } }).constructor.constructor !== Function) leaked.push(`${text}: threw an error of another realm`)
      }
    }
  }
  return { leaked }
})
