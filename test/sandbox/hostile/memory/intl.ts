// shows: what Intl allocates natively ends the cell
// call: GET /intl
// expect: 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
// tenant: { "limits": { "turnMs": 2000 } }
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'intl' }, () => {
  const kept: unknown[] = []
  for (;;) kept.push(new Intl.DateTimeFormat('ar', { dateStyle: 'full' }), new Intl.Collator('zh'), new Intl.Segmenter('th', { granularity: 'word' }))
})
