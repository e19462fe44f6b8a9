// shows: to answer, to log and to throw at the very end of a stack breaks nothing of the platform's
// call: GET /recursion-at-the-edge
// with: { "times": 3 }
// expect: 200 and "caught" or 500 FMS_ERR_FUNCTION
// call: POST /recursion-at-the-edge-after {"a":"{n}"}
// with: { "times": 3 }
// expect: 200 and {"a":"{n}"}
// tenant: { "limits": { "turnMs": 5000, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

function edge (act: () => unknown): void {
  try {
    edge(act)
  } catch {
    try {
      act()
    } catch { /* Once more, a little further from the end. */ }
  }
}

export const attack = endpoint({ api: 'recursion-at-the-edge' }, (_, { log }) => {
  edge(() => console.log({ a: [1, new Map([[1, 2]])] }))
  edge(() => log.warn('x'))
  edge(() => new URL('http://a.b/'))
  edge(() => new Response('x', { headers: { a: 'b' } }))
  edge(() => new AbortController().abort())
  edge(() => setTimeout(() => {}, 1))
  edge(() => structuredClone({ a: 1 }))
  return 'caught'
})
export const after = endpoint({ method: 'POST', api: 'recursion-at-the-edge-after' }, args => args)
