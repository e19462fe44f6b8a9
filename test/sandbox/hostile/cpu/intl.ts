// shows: Intl's own loops end
// call: GET /intl
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'intl' }, () => {
  const text = 'ä'.repeat(2 ** 23)
  const segmenter = new Intl.Segmenter('de', { granularity: 'word' })
  for (;;) {
    for (const part of segmenter.segment(text)) if (part.index < 0) break
    text.localeCompare('ä'.repeat(2 ** 23 + 1), 'de')
    text.toLocaleUpperCase('lt')
  }
})
