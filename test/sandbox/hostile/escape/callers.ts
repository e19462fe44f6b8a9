// shows: no function of the platform can be had by `caller` and `arguments`
// call: GET /callers
// expect: 200 and "x"
// call: GET /callers-found
// expect: 200 and {"leaked":[]}
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach } from './_reach.ts'

const kept: unknown[] = []
// Not strict, unlike a module.
const look = Function('kept', `
  return function look () {
    for (let f = look, i = 0; f && i < 50; i++) {
      kept.push(f)
      try { kept.push(f.arguments) } catch (error) { kept.push(error) }
      try { f = f.caller } catch (error) { kept.push(error); break }
    }
    try { kept.push(arguments.callee.caller) } catch (error) { kept.push(error) }
    return 'x'
  }
`)(kept) as () => string

export const attack = endpoint({ api: 'callers' }, look as never)
export const found = endpoint({ api: 'callers-found' }, async () => {
  const value = { toString: look, toJSON: look, get x () { return look() }, [Symbol.toPrimitive]: look, then: undefined }
  console.log(value, `${String(value)}`, new Proxy({}, { ownKeys: () => { look(); return [] } }))
  try {
    structuredClone(value)
  } catch (error) {
    kept.push(error)
  }
  const events = new EventTarget()
  events.addEventListener('x', look)
  events.dispatchEvent(new Event('x'))
  JSON.stringify([value])
  setTimeout(look)
  queueMicrotask(look)
  await { then: (resolve: (value: unknown) => void) => { look(); resolve(1) } }
  await new Promise(resolve => setTimeout(resolve, 5))
  return { leaked: reach({ kept }) }
})
