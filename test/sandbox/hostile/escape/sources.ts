// shows: the text of functions that a tenant can reach tells nothing of the host
// call: GET /sources
// expect: 200 or 502 FMS_ERR_RESPONSE
// tenant: { "limits": { "turnMs": 2000, "memoryMb": 64, "responseBytes": 1000000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'sources' }, (_, context) => {
  const texts = new Set<string>()
  const seen = new Set<unknown>()
  const queue: unknown[] = [globalThis, context, endpoint]
  for (let value = queue.pop(); value !== undefined && seen.size < 5_000; value = queue.pop()) {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) continue
    seen.add(value)
    if (typeof value === 'function') texts.add(Function.prototype.toString.call(value).slice(0, 2_000))
    queue.push(Object.getPrototypeOf(value))
    for (const { value: own, get, set } of Object.values(Object.getOwnPropertyDescriptors(value))) queue.push(own, get, set)
  }
  return [...texts].filter(text => !text.includes('[native code]')).join('\n').slice(0, 900_000)
})
