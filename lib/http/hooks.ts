import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest, RequestPayload } from 'fastify'
import { concealed, isPlatformError, platformError } from '../errors.ts'
import type { Invocation } from '../invoke/invocation.ts'
import type { Invoker } from '../invoke/invoke.ts'
import type { Outcome } from '../sandbox/sandbox.ts'
import { auditRefusal } from './audit.ts'
import { readArguments, readParameters } from './arguments.ts'
import { getCall } from './call.ts'
import type { Gate } from './gate.ts'
import { protectOrigin, sendOutcome } from './guest.ts'
import type { Hook, Rooms } from './match.ts'
import { Recorder } from './record.ts'
import { sendResult } from './reply.ts'
import { validateArguments } from './validate.ts'

/** What follows the match: its token used up, authorised, arguments read (preHandler), call and answer (handler). */
export class Hooks {
  readonly #invoker: Invoker
  readonly #gate: Gate | undefined
  readonly #recorder: Recorder

  constructor ({ invoker, gate }: Rooms) {
    this.#invoker = invoker
    this.#gate = gate
    this.#recorder = new Recorder(invoker)
  }

  /** A token for management names the body that it is for. */
  readonly digest = (request: FastifyRequest, _reply: unknown, payload: RequestPayload, done: (error: null, payload: RequestPayload) => void): void => {
    const { presented } = getCall(request)
    done(null, presented === undefined ? payload : this.#gate?.digest(presented, payload as Readable) ?? payload)
  }

  readonly consume: Hook = (request, _reply, done) => {
    const { presented } = getCall(request)
    if (presented === undefined) {
      done()
      return
    }
    this.#gate?.consume(presented).then(() => done(), (error: Error) => {
      this.#audit(request, error)
      done(isPlatformError(error) && error.statusCode >= 500 ? concealed(error.code, error.statusCode, error) : error)
    })
  }

  readonly authorize = async (request: FastifyRequest): Promise<void> => {
    const { match } = getCall(request)
    if (match === undefined) return
    const { module: { owner, name }, api, slugs } = match
    let allowed: unknown
    try {
      allowed = await this.#invoker.settings.authorize?.(request, { owner, module: name, api, method: request.method, slugs })
    } catch (error) {
      throw this.#invoker.failure(error, { match, request })
    }
    if (allowed === false) throw platformError('FMS_ERR_FORBIDDEN')
  }

  readonly arguments: Hook = (request, reply, done) => {
    const call = getCall(request)
    let failure: Error | undefined
    if (call.match !== undefined) {
      const { match, match: { endpoint, module } } = call
      try {
        const common = { match, request, response: reply.raw, since: Date.now() }
        if (module.guest === undefined) {
          const read = readArguments(request, match, this.#invoker.settings)
          validateArguments(read.args, endpoint, module)
          call.invocation = { ...common, ...read }
        } else {
          // Merged, and checked by the module's own schemas, in its isolate. A hook of the host's may have put another body in place.
          const payload = call.payload?.body === request.body ? call.payload?.text : undefined
          call.invocation = { ...common, ...readParameters(request, match, this.#invoker.settings), args: {}, payload, tenant: call.tenant }
        }
      } catch (error) {
        failure = this.#invoker.failure(error, { match, request })
        this.#audit(request, failure)
      }
    }
    done(failure)
  }

  /** Of management, what is refused is told as well. */
  #audit (request: FastifyRequest, error: Error): void {
    const { match, presented } = getCall(request)
    if (match?.module.builtIn) auditRefusal(request, { action: match.endpoint.function, owner: match.module.owner, kid: presented?.kid }, error)
  }

  /** Whatever a call was refused or failed for, here or by the host. */
  readonly failed = (request: FastifyRequest, reply: FastifyReply, error: Error, done: () => void): void => {
    // First, so that the answer is there.
    done()
    const call = getCall(request)
    if (call?.match !== undefined) this.#recorder.failed(call, reply, error)
  }

  /** No async function: with its own promise beside the endpoint's, a call would wait two turns more. */
  readonly handle = (request: FastifyRequest, reply: FastifyReply): void => {
    const call = getCall(request)
    if (call.match === undefined) {
      reply.send(call.list())
      return
    }
    const invocation = call.invocation as Invocation
    const invoker = this.#invoker
    const fail = (error: unknown): void => { reply.send(invoker.failure(error, invocation)) }
    const { guest } = call.match.module
    if (guest !== undefined) protectOrigin(reply, invoker.settings.sandbox)
    const succeed = (value: unknown): void => {
      try {
        if (guest !== undefined) sendOutcome(reply, value as Outcome, invoker.settings)
        else sendResult(reply, value, invocation, invoker.settings.envelope, error => invoker.failure(error, invocation))
      } catch (error) {
        if (guest !== undefined && isPlatformError(error)) invoker.guests?.report(error, invocation)
        fail(error)
        return
      }
      this.#recorder.answered(call, reply)
    }
    try {
      const value = invoker.invoke(invocation)
      if (isThenable(value)) value.then(succeed, fail)
      else succeed(value)
    } catch (error) {
      fail(error)
    }
  }
}

function isThenable (value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
