import type { FastifyInstance } from 'fastify'
import { platformError } from '../errors.ts'
import type { Mask } from '../mask.ts'
import type { Settings } from '../options.ts'
import type { Logs } from '../tenancy/logs.ts'
import { ProgramRunner } from './command.ts'
import { toHttpError } from './failure.ts'
import { GuestRunner } from './guest.ts'
import type { Host, Invocation } from './invocation.ts'
import { discard } from './stream.ts'
import { TrustedContext } from './trusted.ts'

/** Runs endpoints: functions in process, programs as processes of their own, tenants' functions in the sandbox. */
export class Invoker implements Host {
  readonly app: FastifyInstance
  readonly settings: Settings
  readonly mask: Mask | undefined
  /** Only in multi-tenant mode. */
  readonly guests: GuestRunner | undefined
  readonly logs: Logs
  readonly #programs: ProgramRunner

  constructor (app: FastifyInstance, settings: Settings, mask: Mask | undefined, guests: GuestRunner | undefined, logs: Logs) {
    this.guests = guests
    this.logs = logs
    this.app = app
    this.settings = settings
    this.mask = mask
    this.#programs = new ProgramRunner({ path: settings.environment['PATH'] })
  }

  /**
   * The endpoint's value, or a promise of it, before it becomes an answer.
   *
   * @throws whatever the endpoint throws, `FMS_ERR_TIMEOUT` at its limit, and what `ProgramRunner.run` says
   */
  invoke (invocation: Invocation): unknown {
    const { args, match: { endpoint: { runner, timeoutSecs } } } = invocation
    if (runner.kind === 'guest') return (this.guests as GuestRunner).run(invocation)
    const context = new TrustedContext(this, invocation)
    if (runner.kind === 'command') {
      const limit = Math.min(timeoutSecs ?? Infinity, this.settings.maxFunctionSecs)
      return this.#withLimit(limit, invocation, context, () => this.#programs.run(runner, JSON.stringify(args), context))
    }
    // In-process code cannot be killed, so only a limit of its own binds it, and most have none.
    return timeoutSecs === undefined
      ? runner.call(args, context)
      : this.#withLimit(timeoutSecs, invocation, context, () => runner.call(args, context))
  }

  /** What the host's error handler is given for an error of a call. */
  failure (error: unknown, { match, request }: Pick<Invocation, 'match' | 'request'>): Error {
    const { owner, guest, builtIn } = match.module
    return toHttpError(error, match, { request, mask: this.mask, log: guest !== undefined || builtIn ? undefined : this.logs.of(owner) })
  }

  close (): Promise<void> {
    return this.#programs.close()
  }

  /** The limit counts until headers are sent, so it outlives the value: a stream that gives nothing is late too. */
  async #withLimit (secs: number, invocation: Invocation, context: TrustedContext, run: () => unknown): Promise<unknown> {
    const limit = new AbortController()
    invocation.late = limit.signal
    const { promise: late, reject } = Promise.withResolvers<never>()
    // Where the value came first, nobody waits for this any more.
    late.catch(() => {})
    const { response } = invocation
    const timer = setTimeout(() => {
      if (response.headersSent) return
      const error = platformError('FMS_ERR_TIMEOUT', `no result within ${secs} s`)
      // First ours: what the endpoint makes of its own signal comes too late.
      reject(error)
      limit.abort(error)
      context.abort(error)
    }, secs * 1000)
    timer.unref()
    response.once('close', () => clearTimeout(timer))
    const running = (async () => run())()
    try {
      return await Promise.race([running, late])
    } catch (error) {
      if (limit.signal.aborted) running.then(discard, () => {})
      throw error
    } finally {
      // A client that left before the call began closes nothing any more.
      if (response.closed) clearTimeout(timer)
    }
  }
}
