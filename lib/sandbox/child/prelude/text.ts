import { charCodeAt, indexOf, slice } from './primordials.ts'

/** The cell gives the prelude's scripts this name. */
const OWN_FRAME = 'prelude/'

/** Frames of the prelude say nothing to an author. */
export function withoutOwnFrames (stack: string): string {
  let kept = ''
  for (let from = 0; from < stack.length;) {
    const end = indexOf(stack, '\n', from)
    const to = end === -1 ? stack.length : end + 1
    const line = slice(stack, from, to)
    if (from === 0 || indexOf(line, OWN_FRAME) === -1) kept += line
    from = to
  }
  return charCodeAt(kept, kept.length - 1) === 10 ? slice(kept, 0, -1) : kept
}

/** The beginning of a text, not cut between the halves of a surrogate pair. */
export function cut (text: string, characters: number): string {
  if (text.length <= characters) return text
  const last = charCodeAt(text, characters - 1)
  return slice(text, 0, last >= 0xd800 && last <= 0xdbff ? characters - 1 : characters)
}
