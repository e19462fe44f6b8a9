// shows: compiled regular expressions end the isolate, or the turn
// call: GET /regexps
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT or 500 FMS_ERR_FUNCTION
// tenant: { "limits": { "turnMs": 1000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'regexps' }, () => {
  const kept: RegExp[] = []
  for (let i = 0; ; i++) {
    const pattern = new RegExp(`(?:${'(a|b)?'.repeat(500)}){1,20}${i}`)
    pattern.test('ab'.repeat(100))
    kept.push(pattern)
  }
})
