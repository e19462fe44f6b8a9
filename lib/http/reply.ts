import { finished, Readable, Transform } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import type { FastifyReply } from 'fastify'
import { platformError } from '../errors.ts'
import type { Invocation } from '../invoke/invocation.ts'
import { discard } from '../invoke/stream.ts'
import { serialiserOf } from './validate.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

type Conceal = (error: unknown) => Error

/**
 * Turns an endpoint's value into the answer: a `Response`, a stream or bytes as they are, `undefined` as 204, all else
 * as JSON, through `returns` where it is declared.
 *
 * @param conceal makes the error that the client may see of one that comes up while Fastify serialises
 * @throws `FMS_ERR_RETURNS`, `FMS_ERR_FUNCTION` for what is no JSON, `FMS_ERR_RESPONSE` for a used-up `Response`
 */
export function sendResult (
  reply: FastifyReply, value: unknown, { match: { endpoint, module }, late }: Invocation, envelope: boolean, conceal: Conceal
): FastifyReply {
  if (!isPlainObject(value)) {
    // As in Fastify, where it is the same as throwing it.
    if (value instanceof Error) throw value
    if (value instanceof Response) return sendResponse(reply, value, late, conceal)
    if (value instanceof Readable || value instanceof ReadableStream) return sendBody(reply, value, late, conceal)
    if (value instanceof Uint8Array) return reply.send(value)
  }
  const serialise = serialiserOf(endpoint, module)
  if (value === undefined && serialise === undefined && !envelope) return reply.code(204).send()
  const toText = (payload: unknown): string => {
    const text = serialise === undefined ? toJson(payload) : serialise(payload)
    return envelope ? `{"status":"OK","response":${text}}` : text
  }
  reply.header('content-type', JSON_TYPE)
  if (typeof value !== 'object' || value === null || looksSpecial(value)) return reply.send(toText(value ?? null))
  // As an object, so that the host's preSerialization hooks see it.
  return reply.serializer((payload: unknown) => {
    // An error handler's payload, where a hook after this failed.
    if (reply.statusCode >= 400) return typeof payload === 'string' ? payload : JSON.stringify(payload)
    try {
      return toText(payload)
    } catch (error) {
      throw conceal(error)
    }
  }).send(value)
}

/** What most endpoints return, so that it pays to know it from all else first. */
function isPlainObject (value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

/** What Fastify would take for a stream or for bytes, although it is neither. */
function looksSpecial (value: { pipe?: unknown, getReader?: unknown, buffer?: unknown }): boolean {
  return typeof value.pipe === 'function' || typeof value.getReader === 'function' || value.buffer instanceof ArrayBuffer ||
    Object.prototype.toString.call(value) === '[object Response]'
}

function toJson (value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw Object.assign(platformError('FMS_ERR_FUNCTION', `expected a result that is JSON; found ${(error as Error).message}`), { cause: error })
  }
  if (text === undefined) throw platformError('FMS_ERR_FUNCTION', `expected a result that is JSON; found a ${typeof value}`)
  return text
}

function sendResponse (reply: FastifyReply, response: Response, late: AbortSignal | undefined, conceal: Conceal): FastifyReply {
  if (response.status < 200 || response.bodyUsed || response.body?.locked) {
    throw platformError('FMS_ERR_RESPONSE', response.status < 200
      ? `expected a Response with a status of 200 to 599; found ${response.status}`
      : 'expected a Response whose body nobody has read')
  }
  reply.code(response.status)
  for (const [name, value] of response.headers) reply.header(name, value)
  return response.body === null ? reply.send() : sendBody(reply, response.body, late, conceal)
}

function sendBody (reply: FastifyReply, body: Readable | ReadableStream, late: AbortSignal | undefined, conceal: Conceal): FastifyReply {
  if (!(body instanceof Readable) && body.locked) throw platformError('FMS_ERR_RESPONSE', 'expected a stream that nobody reads')
  if (reply.request.method === 'HEAD') {
    // It has no body, and an endless stream would be read for a client that hears nothing.
    discard(body)
    return reply.send()
  }
  const source = body instanceof Readable ? body : Readable.fromWeb(body as NodeReadableStream, { objectMode: true })
  return reply.send(shielded(source, late, conceal))
}

/** The same bytes, but a failure is one that the client may see: before the first byte, Fastify answers with it. */
function shielded (source: Readable, late: AbortSignal | undefined, conceal: Conceal): Readable {
  const shield = new Transform({
    writableObjectMode: true,
    transform (chunk: unknown, _encoding, done) {
      if (typeof chunk === 'string' || chunk instanceof Uint8Array) done(null, chunk)
      else done(conceal(platformError('FMS_ERR_RESPONSE', `expected a stream of text or bytes; found a ${typeof chunk}`)))
    }
  })
  finished(source, { writable: false }, error => {
    if (error && !shield.destroyed) shield.destroy(conceal(error))
  })
  late?.addEventListener('abort', () => shield.destroy(conceal(late.reason)), { once: true })
  shield.once('close', () => source.destroy())
  return source.pipe(shield)
}
