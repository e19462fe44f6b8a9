import { STATUS_CODES } from 'node:http'
import { inspect } from 'node:util'
import createError from '@fastify/error'

/**
 * Every error of the platform. `operator`, `author` and `client` say whose fault it is: who set the app up, who wrote
 * the module, who called it. `%s` are filled in where the error is made. Codes are never reused.
 */
export const catalogue = {
  // Registration: the app does not start.
  FMS_ERR_OPTIONS: { status: 500, fault: 'operator', message: 'fastify-microservices cannot start:\n%s' },
  FMS_ERR_PREFIX: { status: 500, fault: 'operator', message: 'prefix "%s" is not registered; expected one of: %s' },
  FMS_ERR_STORE: { status: 500, fault: 'operator', message: 'the store cannot be used: %s' },
  FMS_ERR_LAYERS: { status: 500, fault: 'operator', message: 'the sandbox is not safe on this system: %s' },

  // Loading: reported in `directory()` and in the log; everything else is served.
  FMS_ERR_DIRECTORY: { status: 500, fault: 'operator', message: 'plugin directory cannot be read: %s' },
  FMS_ERR_OWNER: { status: 500, fault: 'operator', message: 'not served: %s' },
  FMS_ERR_FILE: { status: 500, fault: 'author', message: 'not a module: %s' },
  FMS_ERR_NAME: { status: 500, fault: 'author', message: 'name refused: %s' },
  FMS_ERR_MODULE: { status: 500, fault: 'author', message: 'module failed to load: %s' },
  FMS_ERR_DESCRIPTOR: { status: 500, fault: 'author', message: 'endpoint "%s" refused: %s' },
  FMS_ERR_RESTART: { status: 500, fault: 'author', message: 'endpoint "%s" is not served until a restart: %s' },

  // Calls.
  FMS_ERR_UNDEFINED: { status: 404, fault: 'client', message: '%s is undefined for %s.' },
  FMS_ERR_MAP: { status: 400, fault: 'client', message: '__map__ %s' },
  FMS_ERR_TOKEN: { status: 401, fault: 'client', message: 'a valid token is needed' },
  FMS_ERR_SEALED: { status: 400, fault: 'client', message: 'the call is not sealed as it must be: %s' },
  FMS_ERR_FORBIDDEN: { status: 403, fault: 'client', message: 'authorize() refused this call' },
  FMS_ERR_BUSY: { status: 429, fault: 'client', message: 'too many calls at once: %s' },
  FMS_ERR_FUNCTION: { status: 500, fault: 'author', message: 'the function failed: %s' },
  FMS_ERR_RETURNS: { status: 500, fault: 'author', message: 'the result does not fit: %s' },
  FMS_ERR_TIMEOUT: { status: 504, fault: 'author', message: 'out of time: %s' },
  FMS_ERR_CRASH: { status: 502, fault: 'author', message: 'it crashed: %s' },
  FMS_ERR_RESPONSE: { status: 502, fault: 'author', message: 'the answer is unusable: %s' },
  FMS_ERR_UNAVAILABLE: { status: 503, fault: 'operator', message: 'not possible now: %s' }
} as const satisfies Record<string, { status: number, fault: 'operator' | 'author' | 'client', message: string }>

export type ErrorCode = keyof typeof catalogue

/** An error as Fastify's error handlers expect it. */
export interface PlatformError extends Error {
  code: ErrorCode
  statusCode: number
  /** How a client may be told: Fastify's default error handler sends these. */
  headers?: Record<string, string>
}

const constructors = Object.fromEntries(Object.entries(catalogue).map(
  ([code, { message, status }]) => [code, createError(code, message, status)]
)) as Record<ErrorCode, ReturnType<typeof createError>>

/** Errors that we made: a code alone proves nothing, since any module may write one. */
const made = new WeakSet<object>()

/** Answers that come in floods, and whose origin is no news: a stack would be most of their cost (some 50 µs). */
const stackless: ReadonlySet<ErrorCode> = new Set(['FMS_ERR_UNDEFINED', 'FMS_ERR_MAP', 'FMS_ERR_TOKEN', 'FMS_ERR_SEALED', 'FMS_ERR_FORBIDDEN', 'FMS_ERR_BUSY', 'FMS_ERR_UNAVAILABLE', 'FMS_ERR_TIMEOUT'])

/** Makes the error of a code; `values` fill the `%s` of its message. */
export function platformError (code: ErrorCode, ...values: unknown[]): PlatformError {
  const { stackTraceLimit } = Error
  if (stackless.has(code)) Error.stackTraceLimit = 0
  try {
    const error = new constructors[code](...values) as PlatformError
    made.add(error)
    return error
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

// Most of what makes something unavailable has passed by then: a cell starts in a quarter of a second.
const RETRY_AFTER_SECS = 1

/** Not now, and not the caller's fault: says when to try again. */
export function unavailable (text: string, { seconds = RETRY_AFTER_SECS, cause }: { seconds?: number, cause?: unknown } = {}): PlatformError {
  const headers = { 'retry-after': String(Math.ceil(seconds)) }
  return Object.assign(platformError('FMS_ERR_UNAVAILABLE', text), { headers, ...(cause !== undefined && { cause }) })
}

export function isPlatformError (error: unknown): error is PlatformError {
  return made.has(error as object)
}

/**
 * What a client is told of an error of 500 and up: the status's name, so that nothing of the installation leaks. The
 * full error is its `cause`, for the log and for the host's own error handler. Headers of ours go along.
 */
export function concealed (code: ErrorCode, status: number, cause: unknown): PlatformError {
  const headers = isPlatformError(cause) ? cause.headers : undefined
  const error = Object.assign(new Error(STATUS_CODES[status] ?? 'Server Error', { cause }), { code, statusCode: status, ...(headers && { headers }) })
  // Its own frames say where we concealed, not where it failed; the cause has those.
  error.stack = `${code}: ${error.message}`
  return error
}

/** What was thrown, in words. Anything may be thrown, also what throws when it is looked at. */
export function messageOf (thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.message) : inspect(thrown, { depth: 0 })
  } catch {
    return 'something that cannot be read'
  }
}
