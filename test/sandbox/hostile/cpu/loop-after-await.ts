// shows: what runs after a wait is limited as what runs before it
// call: GET /loop-after-await
// expect: 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'loop-after-await' }, async () => {
  await null
  for (;;);
})
