// shows: deep JSON, parsed and revived, ends as an error
// call: GET /nested-json
// expect: 500 FMS_ERR_FUNCTION or 502 or 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'nested-json' }, () => {
  const text = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`
  return JSON.parse(text, (_, value) => value)
})
