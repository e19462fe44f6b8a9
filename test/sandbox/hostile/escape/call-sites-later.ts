// shows: nor those of errors that the platform looks at after the function ended (vm2's CVE-2023-29017)
// call: GET /call-sites-later
// expect: 500 FMS_ERR_FUNCTION
// call: GET /call-sites-later-found
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

const kept: unknown[] = []

export const attack = endpoint({ api: 'call-sites-later' }, async () => {
  Error.prepareStackTrace = (error, trace) => {
    for (const site of trace) kept.push(error, site, site.getThis(), site.getFunction())
    return trace
  }
  void Promise.reject(new RangeError('nobody handles this'))
  void (async () => { (undefined as unknown as () => void)() })()
  setTimeout(() => { throw new Error('in a timer') })
  await new Promise(resolve => setTimeout(resolve, 5))
  throw new Error('x')
})
export const found = endpoint({ api: 'call-sites-later-found' }, () => ({ leaked: reach({ kept }) }))
