import { endpoint } from 'fastify-microservices'

/** Methods may be a list as well; `context` knows the call. */
export const barNone = endpoint({
  method: 'GET|PUT|POST'.split('|'),
  api: 'bar-none',
  summary: 'Says by which method it was called'
}, (args, { method }) => ({ method, args }))
