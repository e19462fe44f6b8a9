import type { FastifyReply } from 'fastify'
import { messageOf } from '../errors.ts'
import type { Invoker } from '../invoke/invoke.ts'
import { type EndedCall, type OwnerLog, short } from '../tenancy/log.ts'
import type { Call } from './call.ts'

type Matched = Extract<Call, { invocation: unknown }>
type Failure = Error & { statusCode?: number, code?: unknown }

/** Enters calls into their owners' logs: each that a token or its absence let in, whatever became of it. Management has a log of its own. */
export class Recorder {
  readonly #invoker: Invoker

  constructor (invoker: Invoker) {
    this.#invoker = invoker
  }

  /** The answer was handed over: most are on their way at once, which saves a listener; those of streams and of hooks that wait are not. */
  answered (call: Matched, { raw, request }: FastifyReply): void {
    // It failed on its way, or may yet.
    if (call.isEntered) return
    if (raw.headersSent || raw.closed) this.#enter(call, request, raw.statusCode)
    else raw.once('close', () => { if (!call.isEntered) this.#enter(call, request, raw.statusCode) })
  }

  /** The host's error handler had its say: it may have made another status of it, at once or later. */
  failed (call: Matched, { raw, request }: FastifyReply, error: Failure): void {
    // What answers an error may fail too.
    if (call.isEntered) return
    call.isEntered = true
    const enter = (): void => this.#enter(call, request, raw.headersSent ? raw.statusCode : error.statusCode ?? 500, error)
    if (raw.headersSent || raw.closed) enter()
    else raw.once('close', enter)
  }

  #enter (call: Matched, { id: requestId, method }: FastifyReply['request'], status: number, error?: Failure): void {
    const { match: { module: { name: module, version }, api }, invocation } = call
    const log = this.#logOf(call)
    // Three times as cheap as `performance.now()`, which tells more than anyone asks.
    const now = Date.now()
    log?.addCall({
      id: log.nextId(now),
      module,
      version,
      api,
      method,
      status,
      milliseconds: invocation && Math.max(0, now - invocation.since),
      requestId: short(requestId),
      code: error && codeOf(error),
      // Of a 5xx it is the status's name; a line of its own says more.
      message: error && status < 500 ? short(messageOf(error)) : undefined
    })
  }

  #logOf ({ match: { module: { owner, guest, builtIn } }, tenant }: Matched): OwnerLog | undefined {
    const { logs, guests } = this.#invoker
    if (guest === undefined) return builtIn ? undefined : logs.of(owner)
    return tenant && guests?.logOf(guest, tenant)
  }
}

function codeOf ({ code }: Failure): EndedCall['code'] {
  return typeof code === 'string' && code.startsWith('FMS_ERR_') ? code as `FMS_ERR_${string}` : undefined
}
