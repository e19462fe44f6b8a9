// shows: errors that a platform's function throws at the very end of a stack are of this realm
// call: GET /edge-of-stack
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

const kept: unknown[] = []

function edge (act: () => unknown): void {
  try {
    edge(act)
  } catch {
    try {
      kept[kept.length] = act()
    } catch (error) {
      if (kept.length < 500) kept[kept.length] = error
    }
  }
}

export const attack = endpoint({ api: 'edge-of-stack' }, (_, { log, signal }) => {
  const acts: Array<() => unknown> = [
    () => new URL('http://a/'), () => URL.canParse('http://a'), () => crypto.randomUUID(), () => atob('eA=='), () => new TextDecoder().decode(new Uint8Array([255])), () => structuredClone({}),
    () => new Response('x').headers, () => console.log({}), () => log.info('x'), () => setTimeout(() => {}, 1), () => signal.aborted, () => new Event('x'), () => performance.now(), () => new Blob(['x']).size
  ]
  for (const act of acts) for (let i = 0; i < 3; i++) edge(act)
  return { leaked: reach({ kept }) }
})
