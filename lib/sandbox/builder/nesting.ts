/** Beyond what anybody writes, or a program that writes programs. esbuild's time grows with the square of it, and it dies at 500,000. */
const DEPTH_MAX = 10_000

const open = codesOf('([{')
const close = codesOf(')]}')

/** Whether brackets are nested too deep for esbuild. Those in texts count, too, where they do not close. */
export function isNestedTooDeep (source: string): boolean {
  let depth = 0
  for (let i = 0; i < source.length; i++) {
    const code = source.charCodeAt(i)
    if (open.has(code)) depth++
    else if (depth > 0 && close.has(code)) depth--
    if (depth > DEPTH_MAX) return true
  }
  return false
}

function codesOf (characters: string): ReadonlySet<number> {
  return new Set([...characters].map(character => character.charCodeAt(0)))
}
