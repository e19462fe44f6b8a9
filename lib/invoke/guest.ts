import type { Guest } from '../catalog/guest.ts'
import { platformError, type PlatformError } from '../errors.ts'
import type { Settings } from '../options.ts'
import type { GuestError } from '../sandbox/protocol.ts'
import type { Outcome, Sandbox, SandboxCall } from '../sandbox/sandbox.ts'
import type { OwnerLog } from '../tenancy/log.ts'
import type { Standing, Tenant, Tenants } from '../tenancy/tenants.ts'
import { guestText } from './guest-text.ts'
import type { Invocation } from './invocation.ts'
import { WaitingLine } from './line.ts'

/** Runs tenants' endpoints in the sandbox, within each tenant's limits. */
export class GuestRunner {
  readonly #sandbox: Sandbox
  readonly #tenants: Tenants
  readonly #settings: Settings
  readonly #lines = new WeakMap<Tenant, WaitingLine>()

  constructor (sandbox: Sandbox, tenants: Tenants, settings: Settings) {
    this.#sandbox = sandbox
    this.#tenants = tenants
    this.#settings = settings
  }

  /** Who a module's tenant is now. */
  standing ({ owner }: Guest): Standing | undefined {
    return this.#tenants.standing(owner)
  }

  /** The error of a payload that is too large for its tenant, as Fastify says it. */
  tooLarge ({ owner }: Guest, bytes: number): Error | undefined {
    const limits = this.#tenants.find(owner)?.limits
    return limits === undefined || bytes <= limits.requestBytes
      ? undefined
      : Object.assign(new Error('Request body is too large'), { code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 })
  }

  /**
   * @throws `FMS_ERR_BUSY`, and what `Sandbox.call` says; what the function threw is an `Error` with its status
   */
  async run (invocation: Invocation): Promise<Outcome> {
    const { match, request, response, payload } = invocation
    const guest = match.module.guest as Guest
    const tenant = this.#tenants.find(guest.owner)
    if (tenant === undefined || !this.#isServed(invocation)) throw platformError('FMS_ERR_UNDEFINED', match.api, request.method)
    const tooLarge = this.tooLarge(guest, bytesOf(payload ?? request.body))
    if (tooLarge) throw tooLarge
    const secs = Math.min(match.endpoint.timeoutSecs ?? Infinity, tenant.limits.timeoutSecs, this.#settings.maxFunctionSecs)
    const call: SandboxCall = {
      tenant,
      module: guest,
      text: guestText(invocation, this.#settings.sandbox.requestHeaders),
      safe: request.method === 'GET' || request.method === 'HEAD',
      requestId: request.id,
      api: match.api,
      deadline: performance.now() + secs * 1000
    }
    const line = this.#lineOf(tenant)
    if (!line.tryEnter()) await this.#wait(line, call, invocation)
    const leave = (): void => this.#sandbox.cancel(call, gone())
    response.once('close', leave)
    try {
      // It closed while the call waited.
      if (response.closed) throw gone()
      const outcome = await this.#sandbox.call(call)
      if (outcome.kind === 'error') throw this.#thrown(outcome.error, invocation)
      return outcome
    } finally {
      response.off('close', leave)
      line.leave()
    }
  }

  #lineOf (tenant: Tenant): WaitingLine {
    let line = this.#lines.get(tenant)
    if (line === undefined) this.#lines.set(tenant, line = new WaitingLine(tenant.limits.concurrency, tenant.limits.waiting))
    return line
  }

  async #wait (line: WaitingLine, { deadline }: SandboxCall, invocation: Invocation): Promise<void> {
    try {
      await line.enterBy(deadline)
    } catch (error) {
      this.report(error as PlatformError, invocation)
      throw error
    }
    if (this.#isServed(invocation)) return
    line.leave()
    throw platformError('FMS_ERR_UNDEFINED', invocation.match.api, invocation.request.method)
  }

  /** Bodies may be long on their way, and calls wait: meanwhile the tenant may be disabled, or its UUID another's, with secrets of its own. */
  #isServed ({ match, tenant }: Invocation): boolean {
    return tenant !== undefined && this.#tenants.isServed((match.module.guest as Guest).owner, tenant)
  }

  /** The log of a call's tenant, if that is still the same. */
  logOf ({ owner }: Guest, tenant: Standing): OwnerLog | undefined {
    return this.#tenants.logOf(owner, tenant)
  }

  /** Tells the owner what its caller is not told. */
  report ({ code, message }: PlatformError, { match: { module: { guest, name, version }, api }, tenant, request }: Invocation, stack?: string): void {
    if (tenant !== undefined) {
      this.logOf(guest as Guest, tenant)?.add({
        time: Date.now(), level: 'error', module: name, version, api, requestId: request.id, code, message, ...(stack !== undefined && { stack })
      })
    }
  }

  #thrown (error: GuestError, invocation: Invocation): Error {
    const { kind, statusCode, message, code, validation } = error
    if (kind === 'arguments') {
      return Object.assign(new Error(message), { statusCode: 400, code: 'FST_ERR_VALIDATION', validation, validationContext: 'args' })
    }
    if (kind === 'thrown' && statusCode !== undefined && Number.isInteger(statusCode) && statusCode >= 400 && statusCode < 500) {
      // The platform's codes are its own.
      return Object.assign(new Error(message), { statusCode, ...(code !== undefined && !code.startsWith('FMS_ERR_') && { code }) })
    }
    const failure = platformError(kind === 'response' ? 'FMS_ERR_RESPONSE' : kind === 'returns' ? 'FMS_ERR_RETURNS' : 'FMS_ERR_FUNCTION', message)
    this.report(failure, invocation, error.stack === undefined ? undefined : invocation.match.module.mapStack(error.stack))
    return failure
  }
}

function gone (): Error {
  return platformError('FMS_ERR_UNAVAILABLE', 'the client left before it was answered')
}

/** Of a body whose length no header told; what a parser of the host's made an object of, that parser has limited. */
function bytesOf (body: unknown): number {
  if (typeof body === 'string') return Buffer.byteLength(body)
  return body instanceof Uint8Array ? body.byteLength : 0
}
