// shows: arrays and buffers that shrink while native code walks them
// call: GET /sort-shrinks
// with: { "times": 5 }
// expect: 200 or 500 FMS_ERR_FUNCTION
import { endpoint } from 'fastify-microservices'

export const attack = endpoint({ api: 'sort-shrinks' }, () => {
  const array = Array.from({ length: 5_000 }, (_, i) => ({ i }))
  array.sort((one, other) => {
    array.length = 1
    return one.i - other.i
  })
  const buffer = new ArrayBuffer(2 ** 16, { maxByteLength: 2 ** 16 })
  const bytes = new Uint8Array(buffer)
  bytes.fill({ valueOf: () => { buffer.resize(1); return 1 } } as never)
  const doubles = new Float64Array(new ArrayBuffer(2 ** 16, { maxByteLength: 2 ** 16 }))
  doubles.sort((one, other) => {
    (doubles.buffer as ArrayBuffer).resize(8)
    return one - other
  })
  const other = new Uint8Array(2 ** 16)
  other.set({ length: 2, get 0 () { other.buffer.transfer(); return 1 }, 1: 2 } as never)
  return [array.length, bytes.length, doubles.length, other.length]
})
