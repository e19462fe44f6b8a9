import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { platformError } from '../errors.ts'
import type { Invocation } from '../invoke/invocation.ts'
import { serialiserOf } from './validate.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

/**
 * Turns an endpoint's value into the answer: a `Response`, a stream or bytes as they are, `undefined` as 204, all else
 * as JSON, through `returns` where it is declared.
 *
 * @param conceal makes the error that the client may see of one that comes up while Fastify serialises
 * @throws `FMS_ERR_RETURNS`, `FMS_ERR_FUNCTION` for what is no JSON, `FMS_ERR_RESPONSE` for a used-up `Response`
 */
export function sendResult (
  reply: FastifyReply, value: unknown, { match: { endpoint, module } }: Invocation, envelope: boolean, conceal: (error: unknown) => Error
): FastifyReply {
  if (value instanceof Response) return sendResponse(reply, value)
  if (value instanceof Readable || value instanceof ReadableStream) return sendBody(reply, value)
  if (value instanceof Uint8Array) return reply.send(value)

  const serialise = serialiserOf(endpoint, module)
  if (value === undefined && serialise === undefined && !envelope) return reply.code(204).send()
  const toText = (payload: unknown): string => {
    const text = serialise === undefined ? toJson(payload) : serialise(payload)
    return envelope ? `{"status":"OK","response":${text}}` : text
  }
  reply.header('content-type', JSON_TYPE)
  if (typeof value !== 'object' || value === null) return reply.send(toText(value ?? null))
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

function sendResponse (reply: FastifyReply, response: Response): FastifyReply {
  if (response.status < 200 || response.bodyUsed || response.body?.locked) {
    throw platformError('FMS_ERR_RESPONSE', response.status < 200
      ? `expected a Response with a status of 200 to 599; found ${response.status}`
      : 'expected a Response whose body nobody has read')
  }
  if (reply.request.method !== 'HEAD' || response.body === null) return reply.send(response)
  reply.code(response.status)
  for (const [name, value] of response.headers) reply.header(name, value)
  return sendBody(reply, response.body)
}

/** A HEAD has no body: the stream is ended, or an endless one would be read for a client that hears nothing. */
function sendBody (reply: FastifyReply, body: Readable | ReadableStream): FastifyReply {
  if (reply.request.method !== 'HEAD') return reply.send(body)
  if (body instanceof Readable) body.destroy()
  else void body.cancel().catch(() => {})
  return reply.send(null)
}
