// shows: to show a value in the log runs within the turn
// call: GET /log-getter
// expect: 504 FMS_ERR_TIMEOUT or 200 and 1
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'log-getter' }, (_, { log }) => {
  const value = { get [Symbol.toStringTag] (): string { for (;;); }, get x (): string { for (;;); }, toString: () => { for (;;); } }
  console.log(value, `${'%s%o%j%d'}`, value, value, value, value)
  log.info(value, 'x')
  return 1
})
