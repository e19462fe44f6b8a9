// shows: proxies of proxies, looked at natively, end as an error or with their cell
// call: GET /nested-proxies
// expect: 500 FMS_ERR_FUNCTION or 502 FMS_ERR_CRASH or 504 FMS_ERR_TIMEOUT
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'nested-proxies' }, () => {
  let proxy: object = {}
  for (let i = 0; i < 200_000; i++) proxy = new Proxy(proxy, {})
  return Reflect.get(proxy, 'x') ?? Object.keys(proxy).length ?? Array.isArray(proxy)
})
