import { isBuffer } from '../common/bytes.ts'
import { copyBuffer, copyView } from './buffers.ts'
import { refuse } from './refuse.ts'
import { copyLeaf, isMap, isSet } from './leaf.ts'

/** Of ES2026: a brand check. */
const { isError } = Error as unknown as { isError (value: unknown): value is Error }

/** What was copied already, by what it was: a copy refers to one object as often as the original. */
export type Memory = Map<unknown, unknown>

const ERRORS: Readonly<Record<string, ErrorConstructor>> = {
  // Whatever name an error bears, it is one of these.
  EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError
}

/** https://html.spec.whatwg.org/#structuredserializeinternal and its counterpart at once: nothing leaves the isolate in between. */
export function copy (value: unknown, memory: Memory): unknown {
  if (typeof value === 'symbol') refuse(String(value))
  if (typeof value === 'function') refuse(value.name === '' ? 'A function' : value.name)
  if (typeof value !== 'object' || value === null) return value
  return memory.get(value) ?? copyObject(value, memory)
}

function copyObject (value: object, memory: Memory): object {
  if (Array.isArray(value)) return copyProperties(value, remember(value, new Array(value.length), memory), memory)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    if (ArrayBuffer.isView(value)) return remember(value, copyView(value, copy(value.buffer, memory) as ArrayBufferLike), memory)
    if (isBuffer(value)) return remember(value, copyBuffer(value), memory)
    if (isMap(value)) return copyMap(value, memory)
    if (isSet(value)) return copySet(value, memory)
    const leaf = copyLeaf(value)
    if (leaf !== undefined) return remember(value, leaf, memory)
  }
  return isError(value) ? copyError(value, memory) : copyProperties(value, remember(value, {}, memory), memory)
}

function remember<T extends object> (value: object, copied: T, memory: Memory): T {
  memory.set(value, copied)
  return copied
}

function copyProperties (value: object, copied: object, memory: Memory): object {
  for (const key of Object.keys(value)) {
    // A getter of a property before may have removed it.
    if (Object.hasOwn(value, key)) define(copied, key, copy((value as Record<string, unknown>)[key], memory), true)
  }
  return copied
}

/** Not by assignment: `__proto__` is a name like any other. */
function define (object: object, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(object, key, { value, enumerable, writable: true, configurable: true })
}

function copyMap (map: Map<unknown, unknown>, memory: Memory): Map<unknown, unknown> {
  const copied = remember(map, new Map(), memory)
  for (const [key, value] of [...map]) copied.set(copy(key, memory), copy(value, memory))
  return copied
}

function copySet (set: Set<unknown>, memory: Memory): Set<unknown> {
  const copied = remember(set, new Set(), memory)
  for (const value of [...set]) copied.add(copy(value, memory))
  return copied
}

function copyError (error: Error, memory: Memory): Error {
  const { name, stack } = error
  const message = Object.getOwnPropertyDescriptor(error, 'message')
  const copied = remember(error, new (ERRORS[String(name)] ?? Error)(), memory)
  if (message !== undefined && 'value' in message) define(copied, 'message', `${message.value}`, false)
  define(copied, 'stack', `${stack}`, false)
  if (Object.hasOwn(error, 'cause')) define(copied, 'cause', copy(error.cause, memory), false)
  return copied
}
