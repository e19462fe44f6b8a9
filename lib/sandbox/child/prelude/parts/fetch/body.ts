import type { Blobs } from '../blob.ts'
import { part } from '../common/cell.ts'
import { decodeUtf8 } from '../common/utf8.ts'
import { type Content, type Extracted, bytesOfContent } from './content.ts'
import { Headers } from './headers.ts'

/** Set by the class, and not reachable through it. */
export let contentOf: (body: Body) => { content: Content | null, used: boolean }
let use: (body: Body) => void

/** What a Request and a Response have in common. The whole body is there from the beginning: nothing of it is a stream. */
export class Body {
  readonly #headers: Headers
  readonly #content: Content | null
  #used = false

  static {
    contentOf = body => ({ content: body.#content, used: body.#used })
    use = body => { body.#used = true }
  }

  constructor (headers: Headers, extracted: Extracted | null) {
    this.#headers = headers
    this.#content = extracted === null ? null : extracted.content
    if (extracted !== null && extracted.type !== '' && !headers.has('content-type')) headers.append('content-type', extracted.type)
  }

  get headers (): Headers { return this.#headers }
  get bodyUsed (): boolean { return this.#used }
  /** Null where there is none. Where there is one it would be a stream, which isolates do not have. */
  get body (): null | undefined { return this.#content === null ? null : undefined }

  async text (): Promise<string> {
    return this.#text()
  }

  async json (): Promise<unknown> {
    return JSON.parse(this.#text())
  }

  async arrayBuffer (): Promise<ArrayBuffer> {
    return this.#bytes().buffer
  }

  async bytes (): Promise<Uint8Array<ArrayBuffer>> {
    return this.#bytes()
  }

  async blob (): Promise<InstanceType<Blobs['Blob']>> {
    const { blobOf } = part('blob') as Blobs
    const type = this.#headers.get('content-type') ?? ''
    return blobOf(this.#bytes(), type.toLowerCase())
  }

  #text (): string {
    const content = this.#consume()
    if (typeof content !== 'string') return decodeUtf8(content)
    return content.charCodeAt(0) === 0xfeff ? content.slice(1) : content
  }

  #bytes (): Uint8Array<ArrayBuffer> {
    const content = this.#consume()
    // A copy: a clone may have the same content.
    return typeof content === 'string' ? bytesOfContent(content) : content.slice()
  }

  #consume (): Content {
    if (this.#used) throw unusable()
    if (this.#content !== null) this.#used = true
    return this.#content ?? ''
  }
}

export function unusable (): TypeError {
  return new TypeError('Body is unusable: Body has already been read')
}

/** What a clone is made of. */
export function sharedContent (body: Body): Extracted | null {
  const { content, used } = contentOf(body)
  if (used) throw unusable()
  return content === null ? null : { content, type: '' }
}

/** What a request that is made of another takes from it. */
export function takenContent (body: Body): Extracted | null {
  const extracted = sharedContent(body)
  if (extracted !== null) use(body)
  return extracted
}
