// shows: `eval`, direct and not, sees the module's own scope and globals, and nothing of the platform's
// call: GET /eval-scope
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

export const attack = endpoint({ api: 'eval-scope' }, (args, context) => {
  const kept: unknown[] = []

  for (const look of [(text: string) => eval(text) as unknown, eval as (text: string) => unknown]) {
    for (const text of ['this', 'arguments', 'new.target', 'super.x', 'globalThis', '(function () { return this })()', '(() => { "use strict"; return (function () { return this })() })()', 'var leaked_ = this; leaked_', 'await 1', 'import.meta', '#x in this']) {
      try {
        kept.push(look(text))
      } catch (error) {
        kept.push(error)
      }
    }
  }
  return { leaked: reach({ kept, args, context }) }
})
