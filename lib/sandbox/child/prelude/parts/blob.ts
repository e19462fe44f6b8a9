import { bytesOf } from './common/bytes.ts'
import { type Host, type Part, connect } from './common/cell.ts'
import { expose, optionsOf, textOf } from './common/interface.ts'
import { decodeUtf8, encodeUtf8 } from './common/utf8.ts'

interface BlobOptions { type?: unknown, endings?: unknown }

/** Set by the class, and not reachable through it. The bytes are those of the blob, not a copy. */
let contentOf: (value: unknown) => { bytes: Uint8Array<ArrayBuffer>, type: string } | undefined
let blobOf: (bytes: Uint8Array<ArrayBuffer>, type: string) => Blob

class Blob {
  #bytes: Uint8Array<ArrayBuffer>
  #type: string

  static {
    contentOf = value => typeof value === 'object' && value !== null && #bytes in value ? { bytes: value.#bytes, type: value.#type } : undefined
    blobOf = (bytes, type) => {
      const blob = new Blob()
      blob.#bytes = bytes
      blob.#type = type
      return blob
    }
  }

  constructor (parts?: Iterable<unknown>, options?: BlobOptions | null) {
    if (parts !== undefined && (typeof parts !== 'object' || parts === null || typeof parts[Symbol.iterator] !== 'function')) {
      throw new TypeError('The "sources" argument must be a sequence.')
    }
    const { type = '', endings = 'transparent' } = optionsOf(options)
    if (endings !== 'transparent' && endings !== 'native') throw new TypeError('The property "options.endings" must be "transparent" or "native".')
    this.#bytes = joined(Array.from(parts ?? [], source => bytesOfPart(source, endings === 'native')))
    this.#type = typeOf(type)
  }

  get size (): number { return this.#bytes.length }
  get type (): string { return this.#type }

  slice (start: unknown = 0, end: unknown = this.size, type: unknown = ''): Blob {
    return blobOf(this.#bytes.subarray(Math.round(Number(start)), Math.round(Number(end))), typeOf(type))
  }

  async text (): Promise<string> {
    return decodeUtf8(this.#bytes)
  }

  async arrayBuffer (): Promise<ArrayBuffer> {
    return this.#bytes.slice().buffer
  }

  async bytes (): Promise<Uint8Array<ArrayBuffer>> {
    return this.#bytes.slice()
  }
}

function bytesOfPart (source: unknown, native: boolean): Uint8Array {
  const bytes = bytesOf(source) ?? contentOf(source)?.bytes
  if (bytes !== undefined) return bytes
  const text = textOf(source)
  return encodeUtf8(native ? text.replace(/\r\n?/g, '\n') : text)
}

function joined (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0
  for (const part of parts) length += part.length
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

function typeOf (type: unknown): string {
  const text = `${type as string}`
  return /[^\x20-\x7e]/.test(text) ? '' : text.toLowerCase()
}

export default function blob (host: Host, part: Part): Blobs {
  connect(host, part)
  expose(Blob, 'Blob')
  return { Blob, contentOf, blobOf }
}

/** What other parts use of it. */
export interface Blobs extends Record<string, unknown> {
  readonly Blob: typeof Blob
  readonly contentOf: typeof contentOf
  readonly blobOf: typeof blobOf
}
