import { endpoint } from 'fastify-microservices'

/** A second name of the module: its endpoints answer below `sample-one/` and `v1/`. */
export const __alias__ = 'v1'

export const sampleOne = endpoint({
  method: 'GET|POST|PUT|DELETE',
  api: 'sample-one',
  summary: 'Returns its arguments: payload, query and URL parameters in one object'
}, args => args)

// What follows is never an endpoint.

/** Names that begin with two underscores are the module's own. */
export function __private () {
  return 'nobody sees this'
}

/** No descriptor, no URL: `__dir__` lists it, nobody can call it. */
export function helper () {
  return new Counter().next()
}

export class Counter {
  #count = 0

  next () {
    return ++this.#count
  }
}

export const variable = 42
