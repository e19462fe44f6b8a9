import { Readable } from 'node:stream'

/**
 * A result that is or holds a stream, which fails when `signal` is aborted, with what `toError` makes of the reason; any
 * other result as it is.
 */
export function endWith (value: unknown, signal: AbortSignal, toError: (reason: unknown) => Error): unknown {
  const { body, isResponse } = value instanceof Response ? { body: value.body, isResponse: true } : { body: value, isResponse: false }
  if (body instanceof Readable) {
    signal.addEventListener('abort', () => body.destroy(toError(signal.reason)), { once: true })
    return body
  }
  if (!(body instanceof ReadableStream) || body.locked) return value
  const failing = new AbortController()
  signal.addEventListener('abort', () => failing.abort(toError(signal.reason)), { once: true })
  const ended = body.pipeThrough(new TransformStream(), { signal: failing.signal })
  return isResponse ? new Response(ended, value as Response) : ended
}
