import { decodeUtf8Whole, encodeUtf8 } from '../common/utf8.ts'

/** What https://url.spec.whatwg.org/#application-x-www-form-urlencoded leaves as it is, spaces apart. */
const PLAIN = /^[A-Za-z0-9*\-._]*$/

export function parseForm (text: string): Array<[string, string]> {
  const entries: Array<[string, string]> = []
  for (const sequence of (text.startsWith('?') ? text.slice(1) : text).split('&')) {
    if (sequence === '') continue
    const equals = sequence.indexOf('=')
    const name = equals < 0 ? sequence : sequence.slice(0, equals)
    entries.push([decode(name), decode(equals < 0 ? '' : sequence.slice(equals + 1))])
  }
  return entries
}

export function serializeForm (entries: ReadonlyArray<readonly [string, string]>): string {
  return entries.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&')
}

function decode (text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return decodeLoosely(spaced)
  }
}

/** A percent sign that begins no byte is itself; bytes that are no UTF-8 are replaced. */
function decodeLoosely (text: string): string {
  const bytes = encodeUtf8(text)
  let length = 0
  for (let i = 0; i < bytes.length; i++, length++) {
    const digits = bytes[i] === 0x25 ? String.fromCharCode(bytes[i + 1] ?? 0, bytes[i + 2] ?? 0) : ''
    const isByte = /^[0-9A-Fa-f]{2}$/.test(digits)
    bytes[length] = isByte ? parseInt(digits, 16) : bytes[i]!
    if (isByte) i += 2
  }
  return decodeUtf8Whole(bytes.subarray(0, length))
}

function encode (text: string): string {
  if (PLAIN.test(text)) return text
  // All that `encodeURIComponent` leaves as it is and forms do not.
  return encodeURIComponent(text).replace(/%20|[!'()~]/g, found => found === '%20' ? '+' : `%${found.charCodeAt(0).toString(16).toUpperCase()}`)
}
