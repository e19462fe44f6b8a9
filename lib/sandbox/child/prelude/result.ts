import { ResultKind } from '../../protocol.ts'
import { close, type Call } from './calls.ts'
import { latin1Of } from './bytes.ts'
import type { Check } from './checks.ts'
import { failureText, Refusal } from './failure.ts'
import { post } from './outbox.ts'
import { dictionary, isError, isInteger, list, stringify, typedArrayLength, typedArrayName, StringOf } from './primordials.ts'

/** What the part that has `Response` tells of one; undefined for any other value. */
export type ReadResponse = (value: unknown) => undefined | {
  readonly status: number
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** Somebody has read the body. */
  readonly used: boolean
  /** The body, where it was made from a text. */
  readonly text: string | undefined
  body (): Uint8Array
}

export interface Limits {
  readonly responseBytes: number
  /** Undefined while no `Response` can exist. */
  readResponse (): ReadResponse | undefined
}

/** Answers a call with what its function gave. */
export function finish (call: Call, value: unknown, check: Check, limits: Limits): void {
  if (call.done) return
  let kind: number = ResultKind.VALUE
  let text: string
  try {
    const response = typeof value === 'object' && value !== null ? responseText(value, limits) : undefined
    if (response !== undefined) {
      kind = ResultKind.RESPONSE
      text = response
    } else if (value === undefined && check.returns === undefined) {
      kind = ResultKind.NOTHING
      text = ''
    } else text = valueText(value, check, limits)
  } catch (error) {
    fail(call, error)
    return
  }
  if (close(call)) post(call.data.id, kind, text)
}

/** Answers a call with what its function threw. */
export function fail (call: Call, error: unknown): void {
  if (close(call)) post(call.data.id, ResultKind.ERROR, failureText(error))
}

function valueText (value: unknown, { returns }: Check, limits: Limits): string {
  const text = returns === undefined ? jsonText(value) : checkedText(value ?? null, returns)
  // Bytes are counted by the cell, which is quicker at it; they are never fewer than characters.
  if (text.length > limits.responseBytes) throw tooLarge(limits)
  return text
}

function jsonText (value: unknown): string {
  // As in Fastify, where to return an error is the same as to throw it.
  if (isError(value)) throw value
  let text: unknown
  try {
    text = stringify(value)
  } catch (error) {
    throw new Refusal('response', `expected a result that is JSON; found ${messageOf(error)}`)
  }
  if (typeof text !== 'string') throw new Refusal('response', `expected a result that is JSON; found a ${typeof value}`)
  return text
}

function checkedText (value: unknown, returns: NonNullable<Check['returns']>): string {
  if (isError(value)) throw value
  let text: unknown
  try {
    text = returns(value)
  } catch (error) {
    throw misfit(error)
  }
  if (typeof text !== 'string') throw new Refusal('response', 'expected a result that is JSON')
  return text
}

/** What does not fit says so in `validation`; anything else came out of the value's own getters. */
function misfit (error: unknown): Refusal {
  const validation = typeof error === 'object' && error !== null ? (error as { validation?: unknown }).validation : undefined
  return typeof validation === 'string'
    ? new Refusal('returns', validation)
    : new Refusal('response', `expected a result that is JSON; found ${messageOf(error)}`)
}

function messageOf (error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown }
  return typeof message === 'string' ? message : 'one that throws'
}

/**
 * For bytes and a `Response`: JSON of the head, `l` or `u`, and the body: bytes as one character each, or text. The cell
 * splits it at the first line break, of which JSON has none.
 */
function responseText (value: object, limits: Limits): string | undefined {
  if (typedArrayName(value) === 'Uint8Array') {
    return '{"status":200,"headers":[["content-type","application/octet-stream"]]}\nl' + bytesText(value as Uint8Array, limits)
  }
  const response = limits.readResponse()?.(value)
  if (response === undefined) return undefined
  const { status, used, text } = response
  if (used) throw new Refusal('response', 'expected a Response whose body nobody has read')
  if (!isInteger(status) || status < 200 || status > 599) throw new Refusal('response', `expected a Response with a status of 200 to 599; found ${StringOf(status)}`)
  const head = headText(status, response.headers)
  if (text === undefined) return `${head}\nl${bytesText(response.body(), limits)}`
  if (typeof text !== 'string' || text.length > limits.responseBytes) throw tooLarge(limits)
  return `${head}\nu${text}`
}

function bytesText (bytes: Uint8Array, limits: Limits): string {
  const length = typedArrayLength(bytes)
  if (length > limits.responseBytes) throw tooLarge(limits)
  return latin1Of(bytes, length)
}

/** Copied into what inherits nothing, so that no `toJSON` is met. */
function headText (status: number, headers: ReadonlyArray<readonly [string, string]>): string {
  const pairs = list<string[]>()
  for (let i = 0; i < headers.length; i++) {
    const pair = list<string>()
    pair[0] = StringOf(headers[i]?.[0])
    pair[1] = StringOf(headers[i]?.[1])
    pairs[i] = pair
  }
  const head = dictionary<unknown>()
  head['status'] = status
  head['headers'] = pairs
  return stringify(head)
}

function tooLarge ({ responseBytes }: Limits): Refusal {
  return new Refusal('response', `expected an answer of at most ${responseBytes} bytes`)
}
