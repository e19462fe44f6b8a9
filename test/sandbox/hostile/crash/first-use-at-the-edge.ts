// shows: a web global that is first used at the end of a stack is whole afterwards
// call: GET /first-use-at-the-edge
// expect: 200 and ["http://a.b/","1","x","1","eA=="]
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

export const attack = endpoint({ api: 'first-use-at-the-edge' }, async () => {
  edge(() => Response)
  edge(() => new URLSearchParams('a=1'))
  edge(() => new TextDecoder())
  edge(() => new Blob(['1']))
  edge(() => btoa('x'))
  const { href, searchParams } = new URL('http://a.b/?a=1')
  return [href.slice(0, 11), searchParams.get('a'), new TextDecoder().decode(new TextEncoder().encode('x')), await new Response(new Blob(['1'])).text(), btoa('x')]
})
