// shows: a call that is answered through another's promise gives both what their functions gave
// call: GET /answers-swapped/{n}
// with: { "parallel": 8 }
// expect: 200
// call: GET /answers-swapped-after
// expect: 200 and 1
import { endpoint } from 'fastify-microservices'

const settle: Array<(value: unknown) => void> = []

export const attack = endpoint({ api: 'answers-swapped', params: ['number'] }, ({ number }) => new Promise(resolve => {
  settle.push(resolve)
  setTimeout(() => {
    for (const one of settle) {
      one(number)
      one('again')
    }
  }, 20)
}))
export const after = endpoint({ api: 'answers-swapped-after' }, () => 1)
