import { refuse } from './refuse.ts'

type Constructor = new (buffer: ArrayBufferLike, offset: number, length?: number) => ArrayBufferView

const VIEWS: readonly Constructor[] = [
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array
]
/** An element of any view. */
const GROWTH = 8
const TAG = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)!.get!

export function copyBuffer (buffer: ArrayBufferLike): ArrayBufferLike {
  // Shared memory is shared by its copies, too.
  if (!(buffer instanceof ArrayBuffer)) return buffer
  if (buffer.detached) refuse('An ArrayBuffer', 'is detached and could not be cloned')
  if (!buffer.resizable) return buffer.slice(0)
  const copied = new ArrayBuffer(buffer.byteLength, { maxByteLength: buffer.maxByteLength })
  new Uint8Array(copied).set(new Uint8Array(buffer))
  return copied
}

export function copyView (view: ArrayBufferView, buffer: ArrayBufferLike): ArrayBufferView {
  const name: unknown = TAG.call(view)
  const View = name === undefined ? DataView : VIEWS.find(({ name: own }) => own === name)
  if (View === undefined) refuse(String(name))
  return tracksLength(view) ? new View(buffer, view.byteOffset) : new View(buffer, view.byteOffset, (view as Uint8Array).length ?? view.byteLength)
}

/** Whether a view grows with its buffer, which nothing tells but the growth. What cannot grow may as well have a length of its own. */
function tracksLength (view: ArrayBufferView): boolean {
  const { buffer, byteLength } = view
  if (!(buffer instanceof ArrayBuffer) || !buffer.resizable || buffer.byteLength + GROWTH > buffer.maxByteLength) return false
  const before = buffer.byteLength
  buffer.resize(before + GROWTH)
  const grown = view.byteLength !== byteLength
  buffer.resize(before)
  return grown
}
