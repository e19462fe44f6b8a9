import { bytesOf, toLatin1 } from './common/bytes.ts'
import { type Host, type Part, connect, host } from './common/cell.ts'
import { expose, need, optionsOf } from './common/interface.ts'
import { Utf8Decoder, encodeInto, encodeUtf8 } from './common/utf8.ts'
import { LegacyDecoder } from './encoding/legacy.ts'
import { Utf16Decoder } from './encoding/utf16.ts'

interface Decoder { decode (bytes: Uint8Array, last: boolean): string }

const BYTE_ORDER_MARK = 0xfeff

class TextEncoder {
  get encoding (): string {
    return 'utf-8'
  }

  encode (text: unknown = ''): Uint8Array<ArrayBuffer> {
    return encodeUtf8(`${text as string}`)
  }

  encodeInto (text: unknown, bytes: Uint8Array): { read: number, written: number } {
    need(arguments, 2)
    if (!(bytes instanceof Uint8Array)) throw new TypeError('The "dest" argument must be an instance of Uint8Array.')
    return encodeInto(`${text as string}`, bytes)
  }
}

class TextDecoder {
  readonly #encoding: string
  readonly #fatal: boolean
  readonly #ignoreBOM: boolean
  #decoder: Decoder | undefined
  #begun = false

  constructor (label: unknown = 'utf-8', options?: { fatal?: unknown, ignoreBOM?: unknown } | null) {
    const { fatal, ignoreBOM } = optionsOf(options)
    this.#encoding = encodingOf(`${label as string}`)
    this.#fatal = Boolean(fatal)
    this.#ignoreBOM = Boolean(ignoreBOM)
  }

  get encoding (): string { return this.#encoding }
  get fatal (): boolean { return this.#fatal }
  get ignoreBOM (): boolean { return this.#ignoreBOM }

  decode (input: unknown = new Uint8Array(), options?: { stream?: unknown } | null): string {
    const bytes = bytesOf(input)
    if (bytes === undefined) throw new TypeError('The "input" argument must be an ArrayBuffer or a view of one.')
    const last = !optionsOf(options).stream
    const decoder = this.#decoder ??= decoderOf(this.#encoding, this.#fatal)
    let done = false
    try {
      const text = this.#withoutMark(decoder.decode(bytes, last))
      done = !last
      return text
    } finally {
      // After the last chunk, or an error, it begins anew.
      if (!done) {
        this.#decoder = undefined
        this.#begun = false
      }
    }
  }

  #withoutMark (text: string): string {
    if (this.#begun || text === '') return text
    this.#begun = true
    const marked = text.charCodeAt(0) === BYTE_ORDER_MARK && !this.#ignoreBOM && this.#encoding.startsWith('utf-')
    return marked ? text.slice(1) : text
  }
}

function encodingOf (label: string): string {
  // The usual ones need no question.
  if (label === 'utf-8' || label === 'utf8') return 'utf-8'
  const encoding = host('encoding', label)
  if (encoding === '') throw new RangeError(`The "${label}" encoding is not supported`)
  return encoding
}

function decoderOf (encoding: string, fatal: boolean): Decoder {
  if (encoding === 'utf-8') return new Utf8Decoder(fatal)
  if (encoding.startsWith('utf-16')) return new Utf16Decoder(encoding, fatal)
  return new LegacyDecoder(encoding, bytes => host('decode', `${encoding}\n${fatal ? 'fatal' : ''}\n${toLatin1(bytes)}`))
}

export default function encoding (host: Host, part: Part): Record<string, unknown> {
  connect(host, part)
  expose(TextEncoder, 'TextEncoder')
  expose(TextDecoder, 'TextDecoder')
  return { TextEncoder, TextDecoder }
}
