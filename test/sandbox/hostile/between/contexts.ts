// shows: calls that run together keep to their own contexts and answers
// call: POST /contexts/{n}?query={n} {"payload":{n}}
// with: { "parallel": 12, "times": 3 }
// expect: 200 and [{n},"{n}","{n}",true]
import { endpoint } from 'fastify-microservices'

const waiting: Array<() => void> = []

export const attack = endpoint({ method: 'POST', api: 'contexts', params: ['slug'] }, async ({ payload, slug, query }, context) => {
  const { requestId } = context
  await new Promise<void>(resolve => {
    waiting.push(resolve)
    setTimeout(() => { for (const next of waiting.splice(0).reverse()) next() }, 5)
  })
  return [payload, slug, query, context.requestId === requestId && context.query['query'] === query && (context.body as { payload: unknown }).payload === payload]
})
