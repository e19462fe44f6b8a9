// shows: who gives all objects properties that the platform reads or writes sees nothing of the platform's
// call: POST /tamper-object {"a":"{n}"}
// with: { "times": 2 }
// expect: 200 and [] or 500 or 400 or 502 FMS_ERR_RESPONSE
// call: GET /tamper-object-found
// expect: 200 and []
// tenant: { "limits": { "turnMs": 5000, "memoryMb": 64, "timeoutSecs": 8 } }
import { endpoint } from 'fastify-microservices'

import { reach, spy } from './_reach.ts'

const kept: unknown[] = []
const names = `
  id function payload bytes mapped query params method path headers api requestId kind statusCode message code stack validation text used status body name
  args returns takesArray data done controller value writable get set enumerable configurable owner module environment limits find checks host part
  toJSON then next return constructor call due interval nesting callback exports require handler descriptor default __esModule length 0 1 2
`.trim().split(/\s+/)

function tamper (): void {
  spy(Object, kept)
  for (const name of names) {
    if (name === 'constructor') continue
    Object.defineProperty(Object.prototype, name, {
      configurable: true,
      get () { if (kept.length < 1_000) kept[kept.length] = this; return undefined },
      set (value: unknown) { Reflect.defineProperty(this as object, name, { value, writable: true, enumerable: true, configurable: true }); if (kept.length < 1_000) kept[kept.length] = this }
    })
  }
}

export const attack = endpoint({ method: 'POST', api: 'tamper-object' }, async () => {
  tamper()
  console.log({ a: 1 })
  await new Promise(resolve => setTimeout(resolve, 1))
  return []
})
export const found = endpoint({ api: 'tamper-object-found' }, () => {
  for (const name of names) if (name !== 'constructor') Reflect.deleteProperty(Object.prototype, name)
  return reach({ kept })
})
