import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { FastifyReply } from 'fastify'
import { messageOf, platformError } from '../errors.ts'
import type { Settings } from '../options.ts'
import type { Outcome } from '../sandbox/sandbox.ts'
import type { SandboxSettings } from '../tenants.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

/** Node refuses a request with more; an answer with more would be refused by many clients. */
const HEADER_BYTES_MAX = 16 * 1024

/**
 * Headers that act on the whole origin, which tenants share with the app and with one another; and those that speak of
 * the connection (RFC 9110, 7.6.1), which is the app's, or of the message, which Fastify frames.
 */
const dropped = /^(set-cookie2?|clear-site-data|service-worker-allowed|access-control-.*|strict-transport-security|alt-svc|nel|report-to|reporting-endpoints|public-key-pins.*|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length)$/

/** What keeps a tenant's page from acting as the app's: no script of its origin, no guessing of types. */
const protection = { 'x-content-type-options': 'nosniff', 'content-security-policy': 'sandbox' }

/** Joined to the head, a text is one write of Node's where bytes are two; a longer one would be copied for nothing. */
const TEXT_BYTES_MAX = 16 * 1024

/** For all answers of a tenant's endpoint, errors included. */
export function protectOrigin (reply: FastifyReply, { responseHeaders }: SandboxSettings): void {
  if (responseHeaders.size === 0) {
    reply.headers(protection)
    return
  }
  for (const [name, value] of Object.entries(protection)) {
    if (!responseHeaders.has(name)) reply.header(name, value)
  }
}

/**
 * Turns what came back from a tenant's isolate into the answer.
 *
 * @throws `FMS_ERR_RESPONSE` for a `Response` that cannot be sent
 */
export function sendOutcome (reply: FastifyReply, outcome: Outcome, { envelope, sandbox }: Settings): FastifyReply {
  switch (outcome.kind) {
    case 'response':
      return sendResponse(reply, outcome, sandbox)
    case 'nothing':
      return envelope ? reply.header('content-type', JSON_TYPE).send('{"status":"OK","response":null}') : reply.code(204).send()
    case 'value':
      return reply.header('content-type', JSON_TYPE).send(envelope
        ? `{"status":"OK","response":${outcome.text.toString()}}`
        : outcome.text.length <= TEXT_BYTES_MAX ? outcome.text.toString() : outcome.text)
    case 'error':
      throw new Error('an error is thrown, not sent')
  }
}

function sendResponse (reply: FastifyReply, { head, body }: Extract<Outcome, { kind: 'response' }>, { responseHeaders }: SandboxSettings): FastifyReply {
  const { status } = head
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw platformError('FMS_ERR_RESPONSE', `expected a Response with a status of 200 to 599; found ${String(status)}`)
  }
  let bytes = 0
  const headers = new Map<string, string | string[]>()
  for (const [name, value] of head.headers) {
    const key = name.toLowerCase()
    if (dropped.test(key) && !responseHeaders.has(key)) continue
    check(key, value)
    bytes += key.length + value.length
    const before = headers.get(key)
    headers.set(key, before === undefined ? value : [before, value].flat())
  }
  if (bytes > HEADER_BYTES_MAX) throw platformError('FMS_ERR_RESPONSE', `expected at most ${HEADER_BYTES_MAX} bytes of headers; found ${bytes}`)
  for (const [name, value] of headers) reply.header(name, protect(name, value, responseHeaders))
  reply.code(status)
  return body.length === 0 ? reply.send() : reply.send(body)
}

/** A tenant's own policy may only add to ours: all of several are kept (CSP 3, 8.1). */
function protect (name: string, value: string | string[], relaxed: ReadonlySet<string>): string | string[] {
  if (relaxed.has(name)) return value
  if (name === 'content-security-policy') return [protection[name], value].flat()
  return name === 'x-content-type-options' ? protection[name] : value
}

function check (name: string, value: string): void {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  } catch (error) {
    throw platformError('FMS_ERR_RESPONSE', `expected headers that HTTP allows; found ${JSON.stringify(name)}: ${messageOf(error)}`)
  }
}
