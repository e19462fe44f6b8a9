// shows: call sites of a stack give no function, no receiver and no file of the platform (vm2's CVE-2022-36067)
// call: GET /call-sites
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

const sites: NodeJS.CallSite[] = []
let left = 0

function look (): void {
  left = 100
  Error.stackTraceLimit = 100
  Error.prepareStackTrace = (error, trace) => {
    if (left-- > 0) sites.push(...trace)
    return `${error.name}: ${trace.map(site => site.getFileName()).join()}`
  }
}

export const attack = endpoint({ api: 'call-sites' }, async (_, { log, signal }) => {
  look()
  const error = new Error('x')
  if (typeof error.stack !== 'string') throw error
  const thrown: unknown[] = []
  const ways: Array<() => unknown> = [
    () => new URL('::'), () => atob('%'), () => new Headers([['a b', 'c']]), () => structuredClone(() => {}), () => console.trace('x'), () => log.error(new Error('y')), () => signal.throwIfAborted(),
    () => new TextDecoder('x'), () => setTimeout(() => thrown.push(new Error('timer').stack)), () => queueMicrotask(() => thrown.push(new Error('microtask').stack)), () => crypto.getRandomValues(1 as never), () => JSON.parse('{')
  ]
  for (const way of ways) {
    try {
      way()
    } catch (error) {
      thrown.push(error, (error as Error).stack)
    }
  }
  await new Promise(resolve => setTimeout(resolve, 5))
  const given = sites.flatMap(site => [site.getThis(), site.getFunction(), site.getEvalOrigin(), (site as { getScriptHash?: () => unknown }).getScriptHash?.()])
  const files = new Set(sites.map(site => site.getFileName()))
  return { leaked: [...reach({ sites, given, thrown }), ...[...files].filter(file => file?.startsWith('/') || file?.startsWith('node:'))] }
})
