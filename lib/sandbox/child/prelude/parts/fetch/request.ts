import { part } from '../common/cell.ts'
import { need, optionsOf, tagOf } from '../common/interface.ts'
import type { Events } from '../events.ts'
import type { AbortSignal } from '../events/abort.ts'
import type { Urls } from '../url.ts'
import { Body, sharedContent, takenContent } from './body.ts'
import { type Extracted, extract } from './content.ts'
import { Headers, pairsOf } from './headers.ts'

interface RequestOptions { method?: unknown, headers?: unknown, body?: unknown, signal?: unknown, redirect?: unknown }

interface Internal {
  readonly url: string
  readonly method: string
  readonly redirect: string
  readonly headers: Headers
  readonly extracted: Extracted | null
  /** The signal that this request follows, if any. */
  readonly signal: AbortSignal | null
}

/** Those that are written in capitals however they come. */
const NORMALIZED = /^(?:delete|get|head|options|post|put)$/i
const FORBIDDEN = /^(?:connect|trace|track)$/i
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const REDIRECTS = ['follow', 'error', 'manual']

/** Told apart by its class, which guest code cannot reach. */
class Prepared {
  readonly internal: Internal
  constructor (internal: Internal) { this.internal = internal }
}

let isRequest: (value: unknown) => value is Request
let signalOf: (request: Request) => AbortSignal | null

export class Request extends Body {
  readonly #internal: Internal
  /** Made when it is asked for: it takes another part. */
  #signal: AbortSignal | undefined

  static {
    isRequest = (value): value is Request => typeof value === 'object' && value !== null && #internal in value
    signalOf = request => request.#signal ?? request.#internal.signal
  }

  constructor (input: unknown, options?: RequestOptions | null) {
    need(arguments, 1)
    const internal = input instanceof Prepared ? input.internal : prepare(input, optionsOf(options))
    super(internal.headers, internal.extracted)
    this.#internal = internal
  }

  get method (): string { return this.#internal.method }
  get url (): string { return this.#internal.url }
  get redirect (): string { return this.#internal.redirect }

  get signal (): AbortSignal {
    const { signal } = this.#internal
    this.#signal ??= (part('events') as Events).AbortSignal.any(signal === null ? [] : [signal])
    return this.#signal
  }

  clone (): Request {
    const extracted = sharedContent(this)
    const headers = new Headers(pairsOf(this.#internal.headers))
    return new Request(new Prepared({ ...this.#internal, headers, extracted, signal: signalOf(this) }))
  }
}

function prepare (input: unknown, options: RequestOptions): Internal {
  const from = isRequest(input) ? input : undefined
  const { method = from?.method ?? 'GET', redirect = from?.redirect ?? 'follow', body, signal } = options
  const hasBody = body !== undefined && body !== null
  const name = methodOf(method)
  if (hasBody && (name === 'GET' || name === 'HEAD')) throw new TypeError('Request with GET/HEAD method cannot have body.')
  if (!REDIRECTS.includes(redirect as string)) throw new TypeError(`Expected redirect to be one of ${REDIRECTS.join(', ')}`)
  if (signal !== undefined && signal !== null && tagOf(signal) !== 'AbortSignal') throw new TypeError('Expected signal to be an instance of AbortSignal.')
  return {
    url: from?.url ?? urlOf(input),
    method: name,
    redirect: redirect as string,
    headers: new Headers(options.headers ?? (from && pairsOf(from.headers))),
    extracted: hasBody ? extract(body) : from === undefined ? null : takenContent(from),
    signal: signal === undefined ? from === undefined ? null : signalOf(from) : signal as AbortSignal | null
  }
}

function urlOf (input: unknown): string {
  const { URL } = part('url') as Urls
  const url = URL.parse(input)
  if (url === null) throw new TypeError(`Failed to parse URL from ${input as string}`)
  if (url.username !== '' || url.password !== '') throw new TypeError(`Request cannot be constructed from a URL that includes credentials: ${url.href}`)
  return url.href
}

function methodOf (method: unknown): string {
  const name = `${method as string}`
  if (!METHOD.test(name) || FORBIDDEN.test(name)) throw new TypeError(`'${name}' is not a valid HTTP method.`)
  return NORMALIZED.test(name) ? name.toUpperCase() : name
}
