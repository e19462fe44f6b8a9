/**
 * What web globals are in an isolate: theirs, where it has less than others. Names that are not declared here are the
 * globals themselves. See sandbox.ts.
 */
export type BytesInput = ArrayBufferLike | ArrayBufferView
export type BlobPart = BytesInput | Blob | string
export type BodyInput = BytesInput | Blob | URLSearchParams | string | null
export type HeadersInput = Headers | Iterable<readonly [string, string]> | Readonly<Record<string, string>>
export type Listener = ((event: Event) => unknown) | { handleEvent (event: Event): unknown }

export interface ListenerOptions { capture?: boolean, once?: boolean, passive?: boolean, signal?: AbortSignal }
export interface EventOptions { bubbles?: boolean, cancelable?: boolean, composed?: boolean }
export interface RequestOptions { method?: string, headers?: HeadersInput, body?: BodyInput, signal?: AbortSignal | null, redirect?: 'follow' | 'error' | 'manual' }
export interface ResponseOptions { status?: number, statusText?: string, headers?: HeadersInput }

/** Each line goes to the owner's log. */
export interface OwnConsole {
  assert (condition?: unknown, ...values: unknown[]): void
  clear (): void
  count (label?: string): void
  countReset (label?: string): void
  debug (...values: unknown[]): void
  dir (value?: unknown): void
  dirxml (...values: unknown[]): void
  error (...values: unknown[]): void
  group (...values: unknown[]): void
  groupCollapsed (...values: unknown[]): void
  groupEnd (): void
  info (...values: unknown[]): void
  log (...values: unknown[]): void
  table (value?: unknown): void
  time (label?: string): void
  timeEnd (label?: string): void
  timeLog (label?: string, ...values: unknown[]): void
  trace (...values: unknown[]): void
  warn (...values: unknown[]): void
}

export interface OwnAbortController {
  readonly signal: AbortSignal
  abort (reason?: unknown): void
}

export interface OwnAbortSignal extends EventTarget {
  readonly aborted: boolean
  readonly reason: unknown
  onabort: ((event: Event) => unknown) | null
  throwIfAborted (): void
}

export interface OwnBlob {
  readonly size: number
  readonly type: string
  arrayBuffer (): Promise<ArrayBuffer>
  bytes (): Promise<Uint8Array<ArrayBuffer>>
  slice (start?: number, end?: number, type?: string): Blob
  text (): Promise<string>
}

export interface OwnCrypto {
  getRandomValues<T extends ArrayBufferView> (array: T): T
  randomUUID (): `${string}-${string}-${string}-${string}-${string}`
  readonly subtle: { digest (algorithm: string | { name: string }, data: BytesInput): Promise<ArrayBuffer> }
}

export interface OwnDOMException extends Error {
  readonly name: string
  readonly message: string
  readonly code: number
}

export interface OwnEvent {
  readonly bubbles: boolean
  cancelBubble: boolean
  readonly cancelable: boolean
  readonly composed: boolean
  readonly currentTarget: EventTarget | null
  readonly defaultPrevented: boolean
  readonly eventPhase: number
  readonly isTrusted: boolean
  readonly target: EventTarget | null
  readonly timeStamp: number
  readonly type: string
  composedPath (): EventTarget[]
  preventDefault (): void
  stopImmediatePropagation (): void
  stopPropagation (): void
}

export interface OwnCustomEvent<T> extends Event {
  readonly detail: T
}

export interface OwnEventTarget {
  addEventListener (type: string, listener: Listener | null, options?: boolean | ListenerOptions): void
  dispatchEvent (event: Event): boolean
  removeEventListener (type: string, listener: Listener | null, options?: boolean | { capture?: boolean }): void
}

export interface Pairs extends Iterable<[string, string]> {
  append (name: string, value: string): void
  entries (): IteratorObject<[string, string], undefined>
  get (name: string): string | null
  keys (): IteratorObject<string, undefined>
  set (name: string, value: string): void
  values (): IteratorObject<string, undefined>
}

export interface OwnHeaders extends Pairs {
  delete (name: string): void
  forEach (callback: (value: string, name: string, headers: Headers) => void, receiver?: unknown): void
  getSetCookie (): string[]
  has (name: string): boolean
}

export interface OwnURLSearchParams extends Pairs {
  readonly size: number
  delete (name: string, value?: string): void
  forEach (callback: (value: string, name: string, params: URLSearchParams) => void, receiver?: unknown): void
  getAll (name: string): string[]
  has (name: string, value?: string): boolean
  sort (): void
  toString (): string
}

export interface Body {
  /** Null where there is none. Isolates have no streams: read the body by one of the methods. */
  readonly body: null | undefined
  readonly bodyUsed: boolean
  readonly headers: Headers
  arrayBuffer (): Promise<ArrayBuffer>
  blob (): Promise<Blob>
  bytes (): Promise<Uint8Array<ArrayBuffer>>
  json (): Promise<unknown>
  text (): Promise<string>
}

export interface OwnRequest extends Body {
  readonly method: string
  readonly redirect: 'follow' | 'error' | 'manual'
  readonly signal: AbortSignal
  readonly url: string
  clone (): Request
}

export interface OwnResponse extends Body {
  readonly ok: boolean
  readonly redirected: boolean
  readonly status: number
  readonly statusText: string
  readonly type: 'default' | 'error'
  readonly url: string
  clone (): Response
}

export interface OwnTextDecoder {
  readonly encoding: string
  readonly fatal: boolean
  readonly ignoreBOM: boolean
  decode (input?: BytesInput, options?: { stream?: boolean }): string
}

export interface OwnTextEncoder {
  readonly encoding: 'utf-8'
  encode (text?: string): Uint8Array<ArrayBuffer>
  encodeInto (text: string, bytes: Uint8Array): { read: number, written: number }
}

export interface OwnURL {
  hash: string
  host: string
  hostname: string
  href: string
  readonly origin: string
  password: string
  pathname: string
  port: string
  protocol: string
  search: string
  readonly searchParams: URLSearchParams
  username: string
  toJSON (): string
  toString (): string
}

export interface Class<T, Parameters extends unknown[] = []> {
  readonly prototype: T
  new (...parameters: Parameters): T
}

export interface AbortSignalClass {
  readonly prototype: AbortSignal
  abort (reason?: unknown): AbortSignal
  any (signals: Iterable<AbortSignal>): AbortSignal
  timeout (milliseconds: number): AbortSignal
}

export interface ResponseClass extends Class<Response, [body?: BodyInput, options?: ResponseOptions]> {
  error (): Response
  json (data: unknown, options?: ResponseOptions): Response
  redirect (url: string | URL, status?: number): Response
}

export interface URLClass extends Class<URL, [url: string | URL, base?: string | URL]> {
  canParse (url: string | URL, base?: string | URL): boolean
  parse (url: string | URL, base?: string | URL): URL | null
}

export interface CustomEventClass {
  readonly prototype: CustomEvent<unknown>
  new<T = null> (type: string, options?: EventOptions & { detail?: T }): CustomEvent<T>
}

export interface OwnPerformance {
  readonly timeOrigin: number
  now (): number
}
