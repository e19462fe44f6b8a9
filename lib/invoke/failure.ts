import { STATUS_CODES } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { Match } from '../catalog/snapshot.ts'
import { concealed, isPlatformError, messageOf } from '../errors.ts'
import { type Mask, maskError } from '../mask.ts'
import type { OwnerLog } from '../tenancy/log.ts'

interface Surroundings {
  readonly request: Pick<FastifyRequest, 'id' | 'log'>
  readonly mask: Mask | undefined
  /** Of a trusted module's owner. */
  readonly log: OwnerLog | undefined
}

/**
 * What the host's error handler is given for something that an endpoint threw: its status where that is 400 to 599,
 * else 500; of a 5xx only the status's name, while the log says all, in the author's own source positions.
 */
export function toHttpError (thrown: unknown, match: Match, { request, mask, log }: Surroundings): Error {
  const { error, status } = readThrown(thrown)
  if (status < 500) return forClient(error, status, mask)

  const isOurs = isPlatformError(error)
  // What a tenant's function failed with stands in its owner's log.
  if (isOurs && match.module.guest !== undefined) return concealed(error.code, status, error)
  if (typeof error.stack === 'string') Reflect.set(error, 'stack', match.module.mapStack(error.stack))
  // Loggers mark what they have seen, which a frozen error does not take.
  const shown = mask || !Object.isExtensible(error) ? maskError(error, mask ?? String) : error
  const { owner, name, version } = match.module
  request.log.error({ err: shown, owner, module: name, version, api: match.api, function: match.endpoint.function }, shown.message)
  const code = isOurs ? error.code : 'FMS_ERR_FUNCTION'
  const { message, stack } = shown
  log?.add({
    time: Date.now(), level: 'error', module: name, version, api: match.api, requestId: request.id, code, message: String(message), ...typeof stack === 'string' && { stack }
  })
  return Object.assign(concealed(code, status, shown), isOurs && error.headers && { headers: error.headers })
}

/** Anything may be thrown, also what throws when it is looked at. */
function readThrown (thrown: unknown): { error: Error, status: number } {
  try {
    const { statusCode, message } = (thrown ?? {}) as { statusCode?: unknown, message?: unknown }
    const status = Number.isInteger(statusCode) && (statusCode as number) >= 400 && (statusCode as number) <= 599 ? statusCode as number : 500
    if (thrown instanceof Error) {
      void thrown.stack
      return { error: thrown, status }
    }
    const told = typeof message === 'string' ? message : STATUS_CODES[status]
    const text = status < 500 ? told : `threw what is no Error: ${messageOf(thrown)}`
    return { error: Object.assign(new Error(text, { cause: thrown }), { statusCode: status }), status }
  } catch {
    return { error: new Error(messageOf(thrown)), status: 500 }
  }
}

/** `FMS_ERR_*` codes say that the platform speaks: an author's error may not. */
function forClient (error: Error, status: number, mask: Mask | undefined): Error {
  const { code, headers } = error as { code?: unknown, headers?: unknown }
  if (typeof code === 'string' && code.startsWith('FMS_ERR_') && !isPlatformError(error)) {
    const message = mask ? mask(error.message) : error.message
    return Object.assign(new Error(message, { cause: error }), { statusCode: status, ...(headers !== undefined && { headers }) })
  }
  return mask ? maskError(error, mask) : error
}
