import { type Host, type Part, connect, exception, host } from './common/cell.ts'
import { need } from './common/interface.ts'

/** Both by the cell, which answers nothing when it refuses. */
function convert (by: 'atob' | 'btoa', data: unknown): string {
  const answer = host(by, `${data as string}`)
  if (answer === '') throw exception(by === 'btoa' ? 'Invalid character' : 'The string to be decoded is not correctly encoded.', 'InvalidCharacterError')
  return answer.slice(1)
}

// Methods have no prototype and cannot be constructed, as the standard's functions.
const functions = {
  atob (data: unknown): string {
    need(arguments, 1)
    return convert('atob', data)
  },
  btoa (data: unknown): string {
    need(arguments, 1)
    return convert('btoa', data)
  }
}

export default function base64 (host: Host, part: Part): Record<string, unknown> {
  connect(host, part)
  return functions
}
