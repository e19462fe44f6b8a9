import { part } from '../common/cell.ts'
import { need, optionsOf } from '../common/interface.ts'
import type { Urls } from '../url.ts'
import { Body, contentOf, sharedContent } from './body.ts'
import { type Extracted, bytesOfContent, extract } from './content.ts'
import { Headers, freeze, pairsOf } from './headers.ts'

interface ResponseOptions { status?: unknown, statusText?: unknown, headers?: unknown }

/** What makes a Response that its constructor would refuse. */
interface Internal {
  readonly type: 'default' | 'error'
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
  readonly extracted: Extracted | null
}

const WITHOUT_BODY = [101, 103, 204, 205, 304]
const REDIRECTS = [301, 302, 303, 307, 308]
/** https://www.rfc-editor.org/rfc/rfc9112#name-status-line */
const STATUS_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/

/** Told apart by its class, which guest code cannot reach. */
class Prepared {
  readonly internal: Internal
  constructor (internal: Internal) { this.internal = internal }
}

/** What an answer is made of, without anything that guest code may have replaced; undefined for what is no Response. */
export interface ReadResponse {
  readonly status: number
  readonly headers: Array<[name: string, value: string]>
  /** Whether the body was read already: there is nothing left to send. */
  readonly used: boolean
  /** The body, where it is text. */
  readonly text: string | undefined
  body (): Uint8Array
}

export let readResponse: (value: unknown) => ReadResponse | undefined

export class Response extends Body {
  readonly #internal: Internal

  static {
    readResponse = value => typeof value === 'object' && value !== null && #internal in value ? read(value, value.#internal) : undefined
  }

  constructor (body?: unknown, options?: ResponseOptions | null) {
    const internal = body instanceof Prepared ? body.internal : internalOf(body === null || body === undefined ? null : extract(body), optionsOf(options))
    super(internal.headers, internal.extracted)
    this.#internal = internal
  }

  static error (): Response {
    const headers = new Headers()
    freeze(headers)
    return new Response(new Prepared({ type: 'error', status: 0, statusText: '', headers, extracted: null }))
  }

  static json (data: unknown, options?: ResponseOptions | null): Response {
    need(arguments, 1)
    const content = JSON.stringify(data)
    if (content === undefined) throw new TypeError('Value is not JSON serializable')
    return new Response(new Prepared(internalOf({ content: content.toWellFormed(), type: 'application/json' }, optionsOf(options))))
  }

  static redirect (url: unknown, status: unknown = 302): Response {
    need(arguments, 1)
    const { URL } = part('url') as Urls
    const location = new URL(url).href
    const code = toShort(status)
    if (!REDIRECTS.includes(code)) throw new RangeError(`Invalid status code ${code}`)
    const headers = new Headers({ location })
    freeze(headers)
    return new Response(new Prepared({ type: 'default', status: code, statusText: '', headers, extracted: null }))
  }

  get type (): string { return this.#internal.type }
  get url (): string { return '' }
  get redirected (): boolean { return false }
  get status (): number { return this.#internal.status }
  get ok (): boolean { return this.status >= 200 && this.status <= 299 }
  get statusText (): string { return this.#internal.statusText }

  clone (): Response {
    const { headers } = this.#internal
    const copied = new Headers(pairsOf(headers))
    return new Response(new Prepared({ ...this.#internal, headers: copied, extracted: sharedContent(this) }))
  }
}

function internalOf (extracted: Extracted | null, { status = 200, statusText = '', headers }: ResponseOptions): Internal {
  const code = toShort(status)
  if (code < 200 || code > 599) throw new RangeError('init["status"] must be in the range of 200 to 599, inclusive.')
  const text = `${statusText as string}`
  if (!STATUS_TEXT.test(text)) throw new TypeError('Invalid statusText')
  if (extracted !== null && WITHOUT_BODY.includes(code)) throw new TypeError(`Response with status ${code} cannot have a body`)
  return { type: 'default', status: code, statusText: text, headers: new Headers(headers), extracted }
}

/** As Web IDL's `unsigned short`. */
function toShort (value: unknown): number {
  return Number(value) & 0xffff
}

function read (response: Response, { status, headers }: Internal): ReadResponse {
  const { content, used } = contentOf(response)
  return {
    status,
    headers: pairsOf(headers),
    used,
    text: typeof content === 'string' ? content : undefined,
    body: () => bytesOfContent(content ?? '')
  }
}
