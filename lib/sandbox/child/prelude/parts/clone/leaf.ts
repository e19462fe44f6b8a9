import type { Blobs } from '../blob.ts'
import { part } from '../common/cell.ts'
import { tagOf } from '../common/interface.ts'
import type { Exception } from '../exception.ts'
import { refuse } from './refuse.ts'

const mapSize = getterOf(Map.prototype)
const setSize = getterOf(Set.prototype)

/** What keeps something that a copy could not have. The names are those of `Symbol.toStringTag`; only an object's word, but a class may say so. */
const UNCLONEABLE = new Set([
  'AbortController', 'AbortSignal', 'AsyncGenerator', 'Crypto', 'CustomEvent', 'Event', 'EventTarget', 'FinalizationRegistry', 'Generator', 'Headers',
  'Iterator Helper', 'Promise', 'Request', 'Response', 'Symbol', 'TextDecoder', 'TextEncoder', 'URL', 'URLSearchParams', 'WeakMap', 'WeakRef', 'WeakSet'
])

function getterOf (prototype: object): () => unknown {
  return Object.getOwnPropertyDescriptor(prototype, 'size')!.get!
}

function answers (question: () => unknown, value: object): boolean {
  try {
    question.call(value)
    return true
  } catch {
    return false
  }
}

export function isMap (value: object): value is Map<unknown, unknown> {
  return value instanceof Map && answers(mapSize, value)
}

export function isSet (value: object): value is Set<unknown> {
  return value instanceof Set && answers(setSize, value)
}

/** Copies what refers to nothing else: undefined for what is no such object. */
export function copyLeaf (value: object): object | undefined {
  const tag = tagOf(value)
  if (tag === 'Blob') return copyBlob(value)
  if (tag === 'DOMException') return copyException(value)
  if (typeof tag === 'string' && (UNCLONEABLE.has(tag) || / Iterator$|^Intl\./.test(tag))) refuse(`#<${tag}>`)
  switch (Object.prototype.toString.call(value)) {
    case '[object Boolean]': return Object(Boolean.prototype.valueOf.call(value)) as object
    case '[object Number]': return Object(Number.prototype.valueOf.call(value)) as object
    case '[object String]': return Object(String.prototype.valueOf.call(value)) as object
    case '[object BigInt]': return Object(BigInt.prototype.valueOf.call(value)) as object
    case '[object Date]': return new Date(Date.prototype.getTime.call(value))
    case '[object RegExp]': return new RegExp((value as RegExp).source, (value as RegExp).flags)
    default: return undefined
  }
}

function copyBlob (value: object): object | undefined {
  const { blobOf, contentOf } = part('blob') as Blobs
  const content = contentOf(value)
  return content && blobOf(content.bytes, content.type)
}

function copyException (value: object): object | undefined {
  const { DOMException } = part('exception') as Exception
  if (!(value instanceof DOMException)) return undefined
  const copied = new DOMException(value.message, value.name)
  Object.defineProperty(copied, 'stack', { value: value.stack, writable: true, configurable: true })
  return copied
}
