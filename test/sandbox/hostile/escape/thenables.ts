// shows: a thenable is given two functions of this realm, and no others
// call: GET /thenables
// expect: 200 and {"leaked":[]}
import { endpoint } from 'fastify-microservices'

type Resolve = (value: unknown) => void

export const attack = endpoint({ api: 'thenables' }, () => ({
  then (resolve: Resolve, ...more: unknown[]) {
    const leaked: string[] = []
    for (const value of [resolve, ...more] as Function[]) {
      if (Object.getPrototypeOf(value) !== Function.prototype || value.constructor !== Function) leaked.push('a function of another realm')
      if (Reflect.ownKeys(value).join() !== 'length,name') leaked.push(Reflect.ownKeys(value).join())
    }
    if (more.length !== 1) leaked.push(`${more.length} arguments more`)
    try {
      resolve({ then: (resolve: Resolve, reject: Resolve) => { resolve({ leaked }); reject(new Error('x')); resolve(1); throw new Error('y') } })
    } finally {
      resolve('again')
    }
  }
}))
