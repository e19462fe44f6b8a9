import { textOfUnits } from './bytes.ts'

const REPLACEMENT = 0xfffd

/** UTF-8 of a text; lone surrogates are replaced. */
export function encodeUtf8 (text: string): Uint8Array<ArrayBuffer> {
  const ascii = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) return encodeRest(text, ascii, i)
    ascii[i] = unit
  }
  return ascii
}

function encodeRest (text: string, ascii: Uint8Array, start: number): Uint8Array<ArrayBuffer> {
  // No unit needs more than three bytes, a pair of them four.
  const bytes = new Uint8Array(start + (text.length - start) * 3)
  bytes.set(ascii.subarray(0, start))
  return bytes.slice(0, encodeInto(text, bytes, start, start).written)
}

/** Writes as many whole characters as fit; `read` counts code units. */
export function encodeInto (text: string, bytes: Uint8Array, read = 0, written = 0): { read: number, written: number } {
  while (read < text.length) {
    const point = pointAt(text, read)
    const size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
    if (written + size > bytes.length) break
    if (size === 1) bytes[written] = point
    else writePoint(bytes, written, point, size)
    written += size
    read += size === 4 ? 2 : 1
  }
  return { read, written }
}

function pointAt (text: string, index: number): number {
  const unit = text.charCodeAt(index)
  if (unit < 0xd800 || unit > 0xdfff) return unit
  const point = text.codePointAt(index)!
  return point > 0xffff ? point : REPLACEMENT
}

function writePoint (bytes: Uint8Array, at: number, point: number, size: number): void {
  for (let i = size - 1; i > 0; i--) {
    bytes[at + i] = 0x80 | (point & 0x3f)
    point >>= 6
  }
  bytes[at] = (0xf00 >> size) & 0xff | point
}

/** The decoder of https://encoding.spec.whatwg.org/#utf-8-decoder, which remembers a character that is split between chunks. */
export class Utf8Decoder {
  #point = 0
  #needed = 0
  #lower = 0x80
  #upper = 0xbf
  readonly #fatal: boolean

  constructor (fatal: boolean) {
    this.#fatal = fatal
  }

  /** @param last whether nothing follows, so that an incomplete character is an error */
  decode (bytes: Uint8Array, last: boolean): string {
    if (this.#needed === 0 && isAscii(bytes)) return textOfUnits(bytes, bytes.length)
    // A byte makes one unit at most, or ends with its own unit a character that a chunk before began.
    const units = new Uint16Array(bytes.length + 2)
    let length = 0
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!
      if (this.#needed === 0) {
        if (byte < 0x80) units[length++] = byte
        else if (!this.#begin(byte)) units[length++] = this.#error()
      } else if (byte < this.#lower || byte > this.#upper) {
        units[length++] = this.#error()
        i--
      } else if (this.#go(byte)) {
        length = append(units, length, this.#point)
      }
    }
    if (last && this.#needed > 0) units[length++] = this.#error()
    return textOfUnits(units, length)
  }

  #begin (byte: number): boolean {
    if (byte < 0xc2 || byte > 0xf4) return false
    this.#needed = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3
    this.#point = byte & (0x3f >> this.#needed)
    // Neither overlong forms, nor surrogates, nor what lies beyond Unicode.
    if (byte === 0xe0) this.#lower = 0xa0
    else if (byte === 0xed) this.#upper = 0x9f
    else if (byte === 0xf0) this.#lower = 0x90
    else if (byte === 0xf4) this.#upper = 0x8f
    return true
  }

  /** Whether the character is complete. */
  #go (byte: number): boolean {
    this.#lower = 0x80
    this.#upper = 0xbf
    this.#point = this.#point << 6 | byte & 0x3f
    return --this.#needed === 0
  }

  #error (): number {
    this.#needed = 0
    this.#lower = 0x80
    this.#upper = 0xbf
    if (this.#fatal) throw new TypeError('The encoded data was not valid for encoding utf-8')
    return REPLACEMENT
  }
}

function isAscii (bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! > 0x7f) return false
  return true
}

function append (units: Uint16Array, length: number, point: number): number {
  if (point < 0x10000) {
    units[length] = point
    return length + 1
  }
  units[length] = 0xd7c0 + (point >> 10)
  units[length + 1] = 0xdc00 | point & 0x3ff
  return length + 2
}

/** Text of bytes that are whole: what is no UTF-8 is replaced. */
export function decodeUtf8Whole (bytes: Uint8Array): string {
  return new Utf8Decoder(false).decode(bytes, true)
}

/** The same without a byte order mark, as bodies are read. */
export function decodeUtf8 (bytes: Uint8Array): string {
  const text = decodeUtf8Whole(bytes)
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}
