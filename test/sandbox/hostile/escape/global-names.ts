// shows: there are the language's globals and those of web standards, and no others
// call: GET /global-names
// expect: 200 and {"leaked":[]}
import { endpoint } from 'fastify-microservices'

const known = new Set(`
  Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Date Promise RegExp Error AggregateError EvalError
  RangeError ReferenceError SyntaxError TypeError URIError globalThis JSON Math Intl ArrayBuffer Uint8Array Int8Array Uint16Array Int16Array
  Uint32Array Int32Array Float16Array Float32Array Float64Array Uint8ClampedArray BigUint64Array BigInt64Array DataView Map BigInt Set Iterator
  WeakMap WeakSet Proxy Reflect decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape eval isFinite isNaN SuppressedError
  DisposableStack AsyncDisposableStack Temporal
  console setTimeout setInterval clearTimeout clearInterval queueMicrotask
  AbortController AbortSignal Blob ByteLengthQueuingStrategy CompressionStream CountQueuingStrategy Crypto CryptoKey CustomEvent DOMException DecompressionStream
  ErrorEvent Event EventTarget File FormData Headers MessageEvent Performance PromiseRejectionEvent ReadableByteStreamController ReadableStream
  ReadableStreamBYOBReader ReadableStreamBYOBRequest ReadableStreamDefaultController ReadableStreamDefaultReader Request Response
  SubtleCrypto TextDecoder TextDecoderStream TextEncoder TextEncoderStream TransformStream TransformStreamDefaultController URL URLPattern
  URLSearchParams WritableStream WritableStreamDefaultController WritableStreamDefaultWriter
  atob btoa crypto fetch navigator onerror onrejectionhandled onunhandledrejection performance reportError self structuredClone
`.trim().split(/\s+/))

export const attack = endpoint({ api: 'global-names' }, () => ({ leaked: Reflect.ownKeys(globalThis).map(String).filter(name => !known.has(name) && name !== 'Symbol(Symbol.toStringTag)') }))
