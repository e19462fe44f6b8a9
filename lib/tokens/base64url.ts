const alphabet = Uint8Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', character => character.charCodeAt(0))
const NONE = 255
const values = new Uint8Array(256).fill(NONE)
for (const [value, code] of alphabet.entries()) values[code] = value

/** Bytes as base64url without padding. For megabytes, and for browsers too: `btoa` takes a text, which takes ten times as long to make. */
export function toBase64url (data: Uint8Array): string {
  const text = new Uint8Array(Math.ceil(data.length * 4 / 3))
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    // Beyond the end: undefined, and so 0; what is written beyond the end is not kept.
    const bits = data[from]! << 16 | data[from + 1]! << 8 | data[from + 2]!
    text[to] = alphabet[bits >> 18]!
    text[to + 1] = alphabet[bits >> 12 & 63]!
    text[to + 2] = alphabet[bits >> 6 & 63]!
    text[to + 3] = alphabet[bits & 63]!
  }
  return new TextDecoder().decode(text)
}

/** What `toBase64url` made it of; undefined for any other text, also for a second spelling of the same bytes. */
export function fromBase64url (text: string): Uint8Array<ArrayBuffer> | undefined {
  const groups = Math.ceil(text.length / 4)
  const missing = groups * 4 - text.length
  // In whole groups of four, the last of them filled up with the letter that stands for 0.
  const codes = new Uint8Array(groups * 4).fill(alphabet[0]!)
  const { written } = new TextEncoder().encodeInto(text, codes)
  const data = new Uint8Array(groups * 3)
  let [bits, seen] = [0, 0]
  for (let from = 0, to = 0; from < codes.length; from += 4, to += 3) {
    const first = values[codes[from]!]!
    const second = values[codes[from + 1]!]!
    const third = values[codes[from + 2]!]!
    const fourth = values[codes[from + 3]!]!
    seen |= first | second | third | fourth
    bits = first << 18 | second << 12 | third << 6 | fourth
    data[to] = bits >> 16
    data[to + 1] = bits >> 8
    data[to + 2] = bits
  }
  const isOurs = written === text.length && seen < 64 && missing < 3 && (bits & (1 << missing * 8) - 1) === 0
  return isOurs ? data.subarray(0, data.length - missing) : undefined
}
