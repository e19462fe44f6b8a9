import { charCodeAt, NumberOf, parseFloatOf, parseIntOf, slice } from './primordials.ts'
import { display, inspect } from './inspect.ts'

/** What `console.log` writes: values one after the other, placeholders of a first string filled in, as in Node. */
export function format (values: readonly unknown[]): string {
  const first = values[0]
  let text = ''
  let next = 0
  if (typeof first === 'string') {
    next = 1
    let from = 0
    for (let i = 0; i < first.length - 1; i++) {
      if (charCodeAt(first, i) !== PERCENT) continue
      const kind = first[i + 1] as string
      if (kind !== '%' && next >= values.length) continue
      const filled = kind === '%' ? '%' : fill(kind, values[next])
      if (filled === undefined) continue
      if (kind !== '%') next++
      text += slice(first, from, i) + filled
      from = ++i + 1
    }
    text += slice(first, from)
  }
  for (; next < values.length; next++) text += (next > 0 ? ' ' : '') + display(values[next])
  return text
}

const PERCENT = 37

function fill (kind: string, value: unknown): string | undefined {
  switch (kind) {
    case 's': return display(value)
    case 'd': return inspect(typeof value === 'object' || typeof value === 'symbol' ? NaN : typeof value === 'bigint' ? value : NumberOf(value))
    case 'i': return inspect(typeof value === 'object' || typeof value === 'symbol' ? NaN : typeof value === 'bigint' ? value : parseIntOf(display(value)))
    case 'f': return inspect(typeof value === 'symbol' ? NaN : parseFloatOf(display(value)))
    case 'j': case 'o': case 'O': return inspect(value)
    case 'c': return ''
    default: return undefined
  }
}

/** Bytes of a text as UTF-8. */
export function utf8Length (text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const code = charCodeAt(text, i)
    if (code < 0x80) continue
    bytes += code < 0x800 ? 1 : 2
    // The two halves of a pair are four bytes together.
    if (code >= 0xd800 && code <= 0xdbff && charCodeAt(text, i + 1) >= 0xdc00 && charCodeAt(text, i + 1) <= 0xdfff) i++
  }
  return bytes
}
