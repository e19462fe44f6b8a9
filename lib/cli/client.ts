import { once } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { produce } from '../tokens/produce.ts'
import { type Call, CommandError, EXIT, textOf } from './command.ts'
import { type Answer, failureOf, interrupted, lost } from './failures.ts'
import { type Key, readKey } from './keys.ts'

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

export interface Ask {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Sent as JSON. */
  readonly payload?: object
  /** Or sent as it is. */
  readonly content?: { readonly type: string, readonly text: string, readonly progress: (sent: number, of: number) => void }
  readonly withinMs?: number
}

type Take<T> = (response: IncomingMessage, askedAt: number) => Promise<T>

/** For all of an answer, or for the next of what comes without an end. */
interface Deadlines { readonly withinMs?: number, readonly silenceMs?: number }

/** As long as a function may take by default. */
const WITHIN_MS = 30_000
/** More than any answer of management: a hundred thousand tenants come in pages. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024
/** So much is sent between two looks at how far it has come. */
const CHUNK = 64 * 1024
const PREFIX = '/rest/services'

/** Asks a server, with a token for each request. Nothing is asked twice: what failed may have been done. */
export class Client {
  readonly key: Key
  /** With the prefix, without a slash at its end. */
  readonly base: string
  readonly #signal: AbortSignal

  constructor (key: Key, base: string, signal: AbortSignal) {
    this.key = key
    this.base = base
    this.#signal = signal
  }

  static async of (call: Call): Promise<Client> {
    return new Client(await readKey(call), baseOf(call), call.signal)
  }

  /**
   * The answer to a request.
   *
   * @param path below the base
   * @throws {CommandError} where there is none, or it is a refusal: what happened, and what to do
   */
  async ask (method: Method, path: string, ask: Ask = {}): Promise<Answer> {
    return await this.#exchange(method, path, ask, { withinMs: ask.withinMs ?? WITHIN_MS }, answerOf)
  }

  /** Has a stream read, for as long as it goes on; until it was silent for so long. */
  async follow (path: string, query: Ask['query'], silenceMs: number, each: (response: IncomingMessage) => Promise<void>): Promise<void> {
    await this.#exchange('GET', path, { ...query && { query } }, { silenceMs }, each)
  }

  async #exchange<T> (method: Method, path: string, ask: Ask, { withinMs, silenceMs }: Deadlines, take: Take<T>): Promise<T> {
    const url = urlOf(this.base + path, ask.query)
    const body = ask.content?.text ?? (ask.payload === undefined ? '' : JSON.stringify(ask.payload))
    const { kid, secret } = this.key
    const headers = {
      authorization: `Bearer ${await produce({ kid, key: secret, method, url, manage: true, body })}`,
      ...body !== '' && { 'content-type': ask.content?.type ?? 'application/json', 'content-length': Buffer.byteLength(body) }
    }
    const { Agent, request: open } = url.protocol === 'https:' ? await import('node:https') : await import('node:http')
    // Kept alive, for otherwise a server that answers before it has read all closes the connection, and its answer may be lost.
    const agent = new Agent({ keepAlive: true })
    const askedAt = Date.now()
    const deadline = withinMs === undefined ? [] : [AbortSignal.timeout(withinMs)]
    const request = open(url, { method, headers, agent, signal: AbortSignal.any([this.#signal, ...deadline]) })
    if (silenceMs !== undefined) request.setTimeout(silenceMs, () => request.destroy(new Error(`silent for ${silenceMs / 1000} s`)))
    try {
      // First: what comes of sending is told by the answer, or by its absence.
      const answered = once(request, 'response') as Promise<[IncomingMessage]>
      request.on('error', () => {})
      send(request, body, ask.content?.progress).catch(() => {})
      const [response] = await answered
      if (response.statusCode! >= 300) throw failureOf(await answerOf(response, askedAt), url, this.key.kid)
      return await take(response, askedAt)
    } catch (error) {
      const isSafe = method === 'GET'
      if (this.#signal.aborted) throw isSafe ? this.#signal.reason : interrupted(this.#signal.reason as CommandError)
      throw error instanceof CommandError ? error : lost(error, url, { isLate: deadline[0]?.aborted === true, isSafe })
    } finally {
      request.destroy()
      agent.destroy()
    }
  }
}

function baseOf ({ values, environment }: Call): string {
  const { MICROSERVICES_URL: given, PUBLIC_URL: known, PORT: port = '3000' } = environment
  const text = textOf(values, 'url') ?? (given || (known ? known.replace(/\/+$/, '') + PREFIX : `http://127.0.0.1:${port}${PREFIX}`))
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    throw new CommandError('Expected the URL of a server with its prefix, as https://api.example.com/rest/services, without user or query; found another (--url, or MICROSERVICES_URL).', EXIT.usage)
  }
  return url.href.replace(/\/+$/, '')
}

function urlOf (text: string, query: Ask['query'] = {}): URL {
  const url = new URL(text)
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
  return url
}

async function send (request: ClientRequest, body: string, progress: ((sent: number, of: number) => void) | undefined): Promise<void> {
  const bytes = Buffer.from(body)
  for (let sent = 0; sent < bytes.length; sent += CHUNK) {
    progress?.(sent, bytes.length)
    if (request.destroyed) return
    if (!request.write(bytes.subarray(sent, sent + CHUNK))) await once(request, 'drain')
  }
  request.end(() => progress?.(bytes.length, bytes.length))
}

async function answerOf (response: IncomingMessage, askedAt: number): Promise<Answer> {
  const { statusCode: status = 0, statusMessage: statusText = '', headers } = response
  return { status, statusText, headers, between: [askedAt, Date.now()], body: await read(response) }
}

async function read (response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new CommandError(`Expected an answer of at most ${ANSWER_BYTES_MAX} bytes; found more.`)
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString()
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
