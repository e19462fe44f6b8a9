import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Readable } from 'node:stream'
import { concealed, type ErrorCode, platformError } from '../errors.ts'
import { seal, unseal } from '../tokens/seal.ts'
import { getCall } from './call.ts'
import type { Gate, Presented } from './gate.ts'
import type { Parse } from './parser.ts'

/** Of a JWE (RFC 7515, 9.2.1). */
const TYPE = 'application/jose'

/** An answer is sealed whole: as much as a tenant's may have at most. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024

/** As long as a function may take by default. */
const COLLECT_MS = 30_000

/**
 * Lets calls come sealed, and seals their answers: under the key of their token, whose `jti` both carry, so that neither can
 * be sent a second time or taken for another's, and which names body and query. Of answers without a payload that came sealed, those that accept it are
 * sealed, or all where sealing is required.
 */
export function addSealing (context: FastifyInstance, gate: Gate, parse: Parse): void {
  context.addHook('preParsing', (request, _reply, _payload, done) => {
    // What is compressed on its way out would no longer be what was sealed.
    if (isToBeSealed(request, gate)) request.headers = { ...request.headers, 'accept-encoding': 'identity' }
    done(gate.sealed === 'required' && isCall(request) ? missing(request) : null)
  })
  context.addContentTypeParser(TYPE, { parseAs: 'string' }, (request, body, done) => {
    open(request, body as string, gate).then(text => parse(request, text, done), done)
  })
  // Not async: all calls come through here.
  context.addHook('onSend', (request, reply, payload, done) => {
    const presented = getCall(request)?.presented
    const isNothing = payload === null || payload === undefined || payload === ''
    if (presented?.isUsed !== true || isNothing || !isToBeSealed(request, gate)) done(null, payload)
    else close(reply, payload, presented, gate).then(text => done(null, text), done)
  })
}

/** Management is not sealed: it has uploads that are. */
function isCall (request: FastifyRequest): boolean {
  return getCall(request)?.match?.module.builtIn !== true
}

function isSealed ({ headers }: FastifyRequest): boolean {
  return headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() === TYPE
}

function isToBeSealed (request: FastifyRequest, { sealed }: Gate): boolean {
  return isCall(request) && (sealed === 'required' || isSealed(request) || request.headers.accept?.includes(TYPE) === true)
}

function hasBody ({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** What is said in clear, or by a token that does not name its body and its query, may have been put there on the way. */
function missing (request: FastifyRequest): Error | null {
  if (hasBody(request) && !isSealed(request)) return platformError('FMS_ERR_SEALED', `expected a payload of type ${TYPE}; found another`)
  return getCall(request)?.presented?.bod === undefined ? unbound() : null
}

function unbound (): Error {
  return platformError('FMS_ERR_SEALED', 'expected a token that names its body and its query, by bod and qry; found one without')
}

async function open (request: FastifyRequest, text: string, gate: Gate): Promise<string> {
  const { presented } = getCall(request)
  if (presented === undefined) throw platformError('FMS_ERR_SEALED', 'expected a token beside it; found none')
  if (presented.bod === undefined) throw unbound()
  const found = await unseal(text, kid => kid === presented.kid ? gate.keyOf(presented) : undefined)
  if (found?.header.typ !== 'call+jose' || found.header.jti !== presented.jti) {
    throw platformError('FMS_ERR_SEALED', 'expected a compact JWE of type call+jose under the key of the token, with its jti; found another')
  }
  return Buffer.from(found.content).toString()
}

async function close (reply: FastifyReply, payload: unknown, presented: Presented, gate: Gate): Promise<string> {
  const { kid, jti } = presented
  const key = gate.keyOf(presented)
  if (key === undefined) throw platformError('FMS_ERR_TOKEN')
  const content = payload instanceof Readable ? await collect(payload, reply) : payload as string | Uint8Array
  const cty = reply.getHeader('content-type')
  reply.header('content-type', TYPE).removeHeader('content-length')
  return await seal(content, { kid, typ: 'reply+jose', jti, ...(typeof cty === 'string' && { cty }) }, key)
}

/** Fastify does not have it yet: nobody else ends it when its client leaves. */
async function collect (stream: Readable, { raw }: FastifyReply): Promise<Buffer> {
  const leave = (): void => { stream.destroy() }
  const timer = setTimeout(() => stream.destroy(failure('FMS_ERR_TIMEOUT', 504, `expected a stream that ends within ${COLLECT_MS / 1000} s, since it is sealed whole; found one that goes on`)), COLLECT_MS)
  raw.once('close', leave)
  if (raw.closed) leave()
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of stream as AsyncIterable<string | Uint8Array>) {
      const part = Buffer.from(chunk)
      bytes += part.length
      if (bytes > ANSWER_BYTES_MAX) throw failure('FMS_ERR_RESPONSE', 502, `expected at most ${ANSWER_BYTES_MAX} bytes of an answer that is sealed; found more`)
      chunks.push(part)
    }
    return Buffer.concat(chunks)
  } finally {
    clearTimeout(timer)
    raw.off('close', leave)
  }
}

function failure (code: ErrorCode, status: number, text: string): Error {
  return concealed(code, status, platformError(code, text))
}
