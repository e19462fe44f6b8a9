/**
 * The globals of a tenant's module, beside those of ECMAScript 2024. In the tsconfig.json of such modules:
 * `"lib": ["es2024"], "types": ["fastify-microservices/sandbox"]`. Where the types of Node or of browsers are loaded as
 * well, those count: they say more than isolates have. Of the two, `node` comes first in `types`.
 */
import type * as Web from './web.ts'

type Others = { process: unknown } | { onmessage: unknown }
/** What an interface has where nobody else declares it. */
type Unless<Own> = typeof globalThis extends Others ? object : Own
/** A second declaration of a variable must have the type of the first. */
type First<Name extends string, Own> = typeof globalThis extends Others ? Declared<Name, Own> : Own
/** Only looked at where others are there: by itself, ours would be defined by itself. */
type Declared<Name extends string, Own> = typeof globalThis extends { [key in Name]: infer Theirs } ? Theirs : Own

declare global {
  /** Each line goes to the owner's log. */
  interface Console extends Unless<Web.OwnConsole> {}
  var console: Console

  namespace NodeJS {
    /** A number, by the name that it has elsewhere, so that the same source compiles in both worlds. */
    interface Timeout extends Unless<Number> {}
  }
  function setTimeout<T extends unknown[]> (callback: (...values: T) => void, milliseconds?: number, ...values: T): NodeJS.Timeout
  function setInterval<T extends unknown[]> (callback: (...values: T) => void, milliseconds?: number, ...values: T): NodeJS.Timeout
  function clearTimeout (timeout: NodeJS.Timeout | undefined): void
  function clearInterval (timeout: NodeJS.Timeout | undefined): void
  function queueMicrotask (callback: () => void): void

  function atob (base64: string): string
  function btoa (binary: string): string
  /** The error goes to the owner's log. */
  function reportError (error: unknown): void
  function structuredClone<T> (value: T, options?: { transfer?: readonly ArrayBuffer[] }): T

  var crypto: First<'crypto', Web.OwnCrypto>
  /** Counts whole milliseconds. */
  var performance: First<'performance', Web.OwnPerformance>

  interface AbortController extends Unless<Web.OwnAbortController> {}
  var AbortController: First<'AbortController', Web.Class<AbortController>>

  interface AbortSignal extends Unless<Web.OwnAbortSignal> {}
  var AbortSignal: First<'AbortSignal', Web.AbortSignalClass>

  interface Blob extends Unless<Web.OwnBlob> {}
  var Blob: First<'Blob', Web.Class<Blob, [parts?: Iterable<Web.BlobPart>, options?: { type?: string, endings?: 'transparent' | 'native' }]>>

  interface DOMException extends Unless<Web.OwnDOMException> {}
  var DOMException: First<'DOMException', Web.Class<DOMException, [message?: string, name?: string]>>

  interface Event extends Unless<Web.OwnEvent> {}
  var Event: First<'Event', Web.Class<Event, [type: string, options?: Web.EventOptions]>>

  interface CustomEvent<T> extends Unless<Web.OwnCustomEvent<T>> {}
  var CustomEvent: First<'CustomEvent', Web.CustomEventClass>

  interface EventTarget extends Unless<Web.OwnEventTarget> {}
  var EventTarget: First<'EventTarget', Web.Class<EventTarget>>

  interface Headers extends Unless<Web.OwnHeaders> {}
  var Headers: First<'Headers', Web.Class<Headers, [init?: Web.HeadersInput]>>

  interface Request extends Unless<Web.OwnRequest> {}
  var Request: First<'Request', Web.Class<Request, [input: string | URL | Request, options?: Web.RequestOptions]>>

  interface Response extends Unless<Web.OwnResponse> {}
  var Response: First<'Response', Web.ResponseClass>

  interface TextDecoder extends Unless<Web.OwnTextDecoder> {}
  var TextDecoder: First<'TextDecoder', Web.Class<TextDecoder, [label?: string, options?: { fatal?: boolean, ignoreBOM?: boolean }]>>

  interface TextEncoder extends Unless<Web.OwnTextEncoder> {}
  var TextEncoder: First<'TextEncoder', Web.Class<TextEncoder>>

  interface URL extends Unless<Web.OwnURL> {}
  var URL: First<'URL', Web.URLClass>

  interface URLSearchParams extends Unless<Web.OwnURLSearchParams> {}
  var URLSearchParams: First<'URLSearchParams', Web.Class<URLSearchParams, [init?: string | Iterable<readonly [string, string]> | Readonly<Record<string, string>>]>>
}
