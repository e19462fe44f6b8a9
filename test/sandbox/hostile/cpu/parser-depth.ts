// shows: source that the parser chokes on ends as an error
// call: GET /parser-depth
// expect: 500 FMS_ERR_FUNCTION or 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH
// call: GET /parser-depth/wide
// expect: 500 FMS_ERR_FUNCTION or 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'parser-depth', params: ['kind'] }, ({ kind }) => kind === 'wide'
  ? Function(`return [${'()=>{},'.repeat(500_000)}]`)()
  : Function(`return ${'['.repeat(500_000)}`)())
