import { Readable } from 'node:stream'

/** A result that is or holds a stream, which fails with the signal's reason when that is aborted; any other as it is. */
export function endWith (value: unknown, signal: AbortSignal): unknown {
  if (value instanceof Readable) {
    signal.addEventListener('abort', () => value.destroy(signal.reason as Error), { once: true })
    return value
  }
  const body = value instanceof Response ? value.body : value
  if (!(body instanceof ReadableStream) || body.locked) return value
  const ended = body.pipeThrough(new TransformStream(), { signal })
  return value instanceof Response ? new Response(ended, value) : ended
}
