// shows: parsing and writing of wide JSON end
// call: GET /json-wide
// expect: 504 FMS_ERR_TIMEOUT or 502 FMS_ERR_CRASH
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'json-wide' }, () => {
  for (;;) JSON.stringify(JSON.parse(`[${'{"a":[]},'.repeat(50_000)}0]`))
})
