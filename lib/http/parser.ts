import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { getCall } from './call.ts'

/**
 * Our JSON parser, in our own context, whatever the host's is: an empty body is no payload, and `__proto__` is a 400.
 * All other content types are the host's.
 */
export function addJsonParser (context: FastifyInstance): Parse {
  if (context.hasContentTypeParser('application/json')) context.removeContentTypeParser('application/json')
  // `constructor` is let through: it stays in `body`, and never becomes an argument.
  const parse = context.getDefaultJsonParser('error', 'ignore')
  const parseKept: Parse = (request, text, done) => {
    if (text.length === 0) done(null, undefined)
    else parse(request, text, kept(request, text, done))
  }
  context.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => parseKept(request, body as string, done))
  return parseKept
}

/** Reads a payload's JSON. */
export type Parse = (request: FastifyRequest, text: string, done: Done) => void

type Done = (error: Error | null, body?: unknown) => void

/** A tenant's endpoint gets the JSON as it was sent: to write it again would cost as much as to read it. */
function kept (request: FastifyRequest, text: string, done: Done): Done {
  const call = getCall(request)
  if (call?.match === undefined || call.match.module.guest === undefined) return done
  return (error, body) => {
    call.payload = { text, body }
    done(error, body)
  }
}

/**
 * An empty body is no payload whatever its content type: without the headers that announce one, Fastify asks no parser.
 * Only a chunked body has to be looked at, hence the promise.
 */
export function ignoreEmptyBody (request: FastifyRequest): Promise<void> | undefined {
  const { 'content-type': type, 'content-length': length, 'transfer-encoding': encoding } = request.headers
  if (encoding !== undefined) return ignoreEmptyChunks(request)
  if (type !== undefined && (length === undefined || length === '0')) announceNone(request)
  return undefined
}

/** As long as the first chunk takes: the server's `requestTimeout` and the client's patience bound it, as for any body. */
async function ignoreEmptyChunks (request: FastifyRequest): Promise<void> {
  if (await isEmpty(request.raw)) announceNone(request)
}

async function isEmpty (body: IncomingMessage): Promise<boolean> {
  if (body.readableLength === 0 && !body.readableEnded && !body.complete) await once(body, 'readable')
  return body.readableLength === 0
}

function announceNone (request: FastifyRequest): void {
  request.headers = { ...request.headers, 'content-type': undefined, 'transfer-encoding': undefined }
}
