import { endpoint } from 'fastify-microservices'

/** Its public name is `api`; the function's own name stays inside. */
export const foo = endpoint({
  method: 'GET|PUT|POST',
  api: 'hello-world',
  summary: 'Greets, and says which arguments came'
}, args => ({ hello: 'world', args }))
