import type { Outcome } from './call.ts'
import { Garbage } from './frames.ts'
import { ResultKind, type Failed, type GuestError, type LogEntry, type LogLevel, type ResponseHead } from '../protocol.ts'

// The JSON that a result may carry beside its body: parsed in the app, so kept small. Guests cut theirs well below.
const ERROR_BYTES_MAX = 1024 * 1024
const HEAD_BYTES_MAX = 256 * 1024
const TEXT_LENGTH_MAX = 64 * 1024
const VALIDATION_MAX = 1_000

const NOTHING: Outcome = { kind: 'nothing' }
const LEVELS: ReadonlySet<unknown> = new Set<LogLevel>(['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
const ERROR_KINDS: ReadonlySet<unknown> = new Set<GuestError['kind']>(['thrown', 'arguments', 'returns', 'response'])
const FAILED_REASONS: ReadonlySet<unknown> = new Set<Failed['reason']>(['timeout', 'memory', 'crash', 'load'])

/** @throws {Garbage} as all functions here, for whatever is not as the protocol says. */
export function parseResult (payload: Buffer): Outcome {
  switch (payload[0]) {
    case ResultKind.VALUE: return { kind: 'value', text: payload.subarray(1) }
    case ResultKind.NOTHING:
      if (payload.length === 1) return NOTHING
      throw new Garbage('a result of nothing that has bytes')
    case ResultKind.RESPONSE: return parseResponse(payload)
    case ResultKind.ERROR: return { kind: 'error', error: parseError(payload.subarray(1)) }
    default: throw new Garbage(`a result of unknown kind ${payload[0]}`)
  }
}

function parseResponse (payload: Buffer): Outcome {
  const length = payload.length < 5 ? Infinity : payload.readUInt32LE(1)
  if (length > Math.min(payload.length - 5, HEAD_BYTES_MAX)) throw new Garbage('a response that is shorter than its head, or with too large a head')
  const head = parseObject(payload.subarray(5, 5 + length))
  const { status, headers } = head
  if (!isInteger(status, 200, 599) || !Array.isArray(headers) || !headers.every(isHeader)) throw new Garbage('a response with no proper status or headers')
  return { kind: 'response', head: { status, headers } satisfies ResponseHead, body: payload.subarray(5 + length) }
}

function isHeader (header: unknown): header is [string, string] {
  return Array.isArray(header) && header.length === 2 && typeof header[0] === 'string' && typeof header[1] === 'string'
}

// What Node's own http takes; checked here, since it throws at what it does not.
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** The first header that HTTP cannot carry. */
export function unusableHeader ({ headers }: ResponseHead): string | undefined {
  return headers.find(([name, value]) => !NAME.test(name) || !VALUE.test(value))?.[0]
}

function parseError (payload: Buffer): GuestError {
  if (payload.length > ERROR_BYTES_MAX) throw new Garbage(`an error of ${payload.length} bytes`)
  const { kind, message, statusCode, code, stack, validation } = parseObject(payload)
  if (!ERROR_KINDS.has(kind) || !isText(message)) throw new Garbage('an error with no proper kind or message')
  const proper = optional(statusCode, isNumber) && optional(code, isText) && optional(stack, isText) && optional(validation, isValidation)
  if (!proper) throw new Garbage('an error with a field of another type')
  return {
    kind: kind as GuestError['kind'],
    message,
    ...(statusCode !== undefined && { statusCode }),
    ...(code !== undefined && { code }),
    ...(stack !== undefined && { stack }),
    ...(validation !== undefined && { validation })
  }
}

export function parseFailed (payload: Buffer): Failed {
  const { reason, message, begun, turn } = parseObject(payload)
  if (!FAILED_REASONS.has(reason) || !isText(message)) throw new Garbage('a failure with no proper reason or message')
  if (!isIds(begun) || !isIds(turn)) throw new Garbage('a failure with no proper calls')
  return { reason: reason as Failed['reason'], message, begun, turn }
}

export function parseLog (payload: Buffer): LogEntry[] {
  return parseArray(payload).map(entry => {
    const { level, text, call } = asObject(entry)
    if (!LEVELS.has(level) || typeof text !== 'string' || !isId(call)) throw new Garbage('a log entry with a field of another type')
    return { level: level as LogLevel, text, call }
  })
}

export function parseMeasured (payload: Buffer): Array<[isolate: number, bytes: number]> {
  return parseArray(payload).map(entry => {
    if (!Array.isArray(entry) || entry.length !== 2 || !isId(entry[0]) || !isNumber(entry[1])) throw new Garbage('a measure that is none')
    return [entry[0], entry[1]]
  })
}

function parse (payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString())
  } catch {
    throw new Garbage('no JSON where JSON was expected')
  }
}

function parseArray (payload: Buffer): unknown[] {
  const value = parse(payload)
  if (!Array.isArray(value)) throw new Garbage('no array where one was expected')
  return value
}

function parseObject (payload: Buffer): Record<string, unknown> {
  return asObject(parse(payload))
}

function asObject (value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Garbage('no object where one was expected')
  return value as Record<string, unknown>
}

function optional<Value> (value: unknown, is: (value: unknown) => value is Value): value is Value | undefined {
  return value === undefined || is(value)
}

function isText (value: unknown): value is string {
  return typeof value === 'string' && value.length <= TEXT_LENGTH_MAX
}

function isNumber (value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isInteger (value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
}

function isId (value: unknown): value is number {
  return isInteger(value, 0, 0xffff_ffff)
}

function isIds (value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isId)
}

function isValidation (value: unknown): value is Array<Record<string, unknown>> {
  return Array.isArray(value) && value.length <= VALIDATION_MAX &&
    value.every(entry => typeof entry === 'object' && entry !== null && !Array.isArray(entry))
}
