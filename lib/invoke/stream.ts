import { Readable } from 'node:stream'

/** Ends a result's stream that nobody will read: unread and unheard, its failure would be an uncaught error of the process. */
export function discard (value: unknown): void {
  const body = value instanceof Response ? value.body : value
  if (body instanceof Readable) body.on('error', () => {}).destroy()
  else if (body instanceof ReadableStream && !body.locked) body.cancel().catch(() => {})
}
