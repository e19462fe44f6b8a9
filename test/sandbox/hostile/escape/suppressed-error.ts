// shows: errors that hold other errors hold none of the platform's (vm2's GHSA-55hx-c926-fr95)
// call: GET /suppressed-error
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

type Stack = { defer (act: () => void): void, dispose (): void }

export const attack = endpoint({ api: 'suppressed-error' }, () => {
  const kept: unknown[] = []
  const { DisposableStack: Disposables } = globalThis as unknown as { DisposableStack?: new () => Stack }
  const overflow = (): unknown => overflow()
  if (Disposables !== undefined) {
    const stack = new Disposables()
    for (const act of [() => new URL('::'), () => structuredClone(() => {}), () => overflow(), () => atob('%'), () => crypto.getRandomValues(null as never)]) stack.defer(() => { act() })
    try {
      stack.dispose()
    } catch (error) {
      for (let found = error as { suppressed?: unknown, error?: unknown }; found instanceof Error; found = found.suppressed as typeof found) kept.push(found, found.error)
    }
  }
  return { leaked: reach({ kept }) }
})
