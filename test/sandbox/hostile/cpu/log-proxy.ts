// shows: to show a Proxy in the log runs within the turn
// call: GET /log-proxy
// expect: 504 FMS_ERR_TIMEOUT or 200 and 1
import { endpoint } from 'fastify-microservices'

const loop = (): never => { for (;;); }

export const attack = endpoint({ api: 'log-proxy' }, () => {
  console.dir(new Proxy({}, { get: loop, ownKeys: loop, getPrototypeOf: loop, getOwnPropertyDescriptor: loop, has: loop }))
  console.log(new Proxy(new Map(), { get: loop }), new Proxy(class {}, { get: loop }))
  return 1
})
