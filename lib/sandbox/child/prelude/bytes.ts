import { apply, BytesConstructor, charCodeAt, fromCharCode, list } from './primordials.ts'

/** More arguments at once come near to what a stack holds. */
const CHUNK = 4_096

const values = new Uint8Array(128)
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
for (let i = 0; i < alphabet.length; i++) values[charCodeAt(alphabet, i)] = i

/** Bytes of a base64 text that the host wrote: with padding, without spaces. */
export function decodeBase64 (text: string): Uint8Array {
  const padding = text.length === 0 ? 0 : charCodeAt(text, text.length - 2) === PAD ? 2 : charCodeAt(text, text.length - 1) === PAD ? 1 : 0
  const length = text.length / 4 * 3 - padding
  const bytes = new BytesConstructor(length)
  const digit = (at: number): number => values[charCodeAt(text, at)] as number
  for (let from = 0, to = 0; from < text.length; from += 4) {
    const word = digit(from) << 18 | digit(from + 1) << 12 | digit(from + 2) << 6 | digit(from + 3)
    // What is written beyond the end of a typed array is lost, as the padding should be.
    bytes[to++] = word >> 16
    bytes[to++] = word >> 8 & 255
    bytes[to++] = word & 255
  }
  return bytes
}

const PAD = 61

/** Bytes as a text with one character for each. */
export function latin1Of (bytes: ArrayLike<number>, length: number): string {
  let text = ''
  for (let from = 0; from < length; from += CHUNK) {
    const codes = list<number>()
    for (let i = from; i < length && i < from + CHUNK; i++) codes[i - from] = bytes[i] as number
    text += apply(fromCharCode, undefined, codes)
  }
  return text
}
