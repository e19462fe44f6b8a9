import type { FastifyBaseLogger } from 'fastify'
import type { Match } from '../catalog/snapshot.ts'
import { concealed, isPlatformError } from '../errors.ts'
import { type Mask, maskError } from '../mask.ts'

/**
 * What the host's error handler is given for something that an endpoint threw: its status where that is 400 to 599,
 * else 500; of a 5xx only the status's name, while the log says all, in the author's own source positions.
 */
export function toHttpError (thrown: unknown, match: Match, log: FastifyBaseLogger, mask: Mask | undefined): Error {
  const error = thrown instanceof Error ? thrown : new Error(`threw what is no Error: ${String(thrown)}`, { cause: thrown })
  const status = statusOf(thrown)
  if (status < 500) return forClient(error, status, mask)

  const code = isPlatformError(error) ? error.code : 'FMS_ERR_FUNCTION'
  if (error.stack) error.stack = match.module.mapStack(error.stack)
  const shown = mask ? maskError(error, mask) : error
  const { owner, name, version } = match.module
  log.error({ err: shown, owner, module: name, version, api: match.api, function: match.endpoint.function }, shown.message)
  const concealing = concealed(code, status, shown)
  return isPlatformError(error) && error.headers ? Object.assign(concealing, { headers: error.headers }) : concealing
}

function statusOf (thrown: unknown): number {
  const { statusCode } = (thrown ?? {}) as { statusCode?: unknown }
  return Number.isInteger(statusCode) && (statusCode as number) >= 400 && (statusCode as number) <= 599 ? statusCode as number : 500
}

/** `FMS_ERR_*` codes say that the platform speaks: an author's error may not. */
function forClient (error: Error, status: number, mask: Mask | undefined): Error {
  const { code } = error as { code?: unknown }
  if (typeof code === 'string' && code.startsWith('FMS_ERR_') && !isPlatformError(error)) {
    return Object.assign(new Error(mask ? mask(error.message) : error.message, { cause: error }), { statusCode: status })
  }
  return mask ? maskError(error, mask) : error
}
