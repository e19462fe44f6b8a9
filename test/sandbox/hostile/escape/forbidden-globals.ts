// shows: what is taken away cannot be had in another way
// call: GET /forbidden-globals
// expect: 200 and {"leaked":[]}
import { endpoint } from 'fastify-microservices'

const names = ['WebAssembly', 'SharedArrayBuffer', 'Atomics', 'FinalizationRegistry', 'WeakRef', 'ShadowRealm', 'Worker', 'process', 'Buffer', 'global', 'require', 'module']

export const attack = endpoint({ api: 'forbidden-globals' }, () => {
  const asked = names.filter(name => name in globalThis || Function(`return typeof ${name}`)() !== 'undefined')
  const iterator = Object.getPrototypeOf(Object.getPrototypeOf((async function * () {})())) as object
  const tags = [iterator, Object.getPrototypeOf(Int8Array.prototype) as object].flatMap(value => Reflect.ownKeys(value)).map(String)
  const buffers = ['SharedArrayBuffer'].filter(name => tags.some(tag => tag.includes(name)))
  return { leaked: [...asked, ...buffers] }
})
