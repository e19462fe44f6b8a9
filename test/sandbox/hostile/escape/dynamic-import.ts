// shows: a dynamic import gives nothing, and its failure is of this realm (vm2's GHSA-cchq-frgv-rjh5)
// call: GET /dynamic-import
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

const names = ['node:fs', 'fs', 'isolated-vm', 'fastify-microservices', './_reach.ts', 'file:///etc/passwd', 'data:application/json,{}', '', { toString: () => 'node:fs' }]

export const attack = endpoint({ api: 'dynamic-import' }, async () => {
  const leaked: string[] = []
  const thrown: unknown[] = []
  for (const name of names) {
    for (const load of [(0, eval)('name => import(name)'), eval('name => import(name)'), Function('name', 'return import(name, { with: { type: "json" } })')] as Array<(name: unknown) => Promise<unknown>>) {
      try {
        leaked.push(`${String(name)}: ${typeof await load(name)}`)
      } catch (error) {
        thrown.push(error)
      }
    }
  }
  return { leaked: [...leaked, ...reach({ thrown })] }
})
