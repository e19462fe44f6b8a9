// shows: a flood of rejections that nobody handles harms no other call (isolated-vm's issue 451, vm2's CVE-2026-44001)
// call: GET /rejections
// with: { "times": 2 }
// expect: 200 and 1 or 504 FMS_ERR_TIMEOUT
// call: GET /rejections-one
// with: { "parallel": 8, "times": 3 }
// expect: 200 and 2
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'rejections' }, () => {
  for (let i = 0; i < 20_000; i++) void Promise.reject(new Error(`rejected ${i}`))
  return 1
})
export const one = endpoint({ api: 'rejections-one' }, async () => {
  void Promise.reject(Object.create(null))
  void new Promise(() => { throw Symbol('thrown') })
  await null
  void Promise.reject(undefined)
  return 2
})
