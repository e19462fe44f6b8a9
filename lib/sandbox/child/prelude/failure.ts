import type { GuestError } from '../../protocol.ts'
import { inspect } from './inspect.ts'
import { dictionary, hasOwn, isArray, isError, isInteger, keys, list, stringify } from './primordials.ts'
import { cut, withoutOwnFrames } from './text.ts'

const MESSAGE_CHARACTERS = 4_096
const STACK_CHARACTERS = 8_192
const CODE_CHARACTERS = 256
/** Ajv stops at the first error; a schema with `allErrors` has no use for more. */
const VALIDATION_ERRORS = 16

type Shown = Record<string, unknown>

/** A failure that the prelude itself reports. It never passes through guest code. */
export class Refusal {
  readonly #own = true
  readonly kind: GuestError['kind']
  readonly message: string
  readonly validation: unknown

  constructor (kind: GuestError['kind'], message: string, validation?: unknown) {
    this.kind = kind
    this.message = message
    this.validation = validation
  }

  /** Without a look at prototypes, since a guest's Proxy would hear of that. */
  static is (value: unknown): value is Refusal {
    return typeof value === 'object' && value !== null && #own in value
  }
}

/** JSON of a `GuestError`, of whatever was thrown: of what cannot be read, too. It never throws. */
export function failureText (thrown: unknown): string {
  const shown = dictionary<unknown>()
  if (Refusal.is(thrown)) {
    shown['kind'] = thrown.kind
    if (thrown.kind === 'arguments') shown['statusCode'] = 400
    shown['message'] = cut(thrown.message, MESSAGE_CHARACTERS)
    if (thrown.validation !== undefined) shown['validation'] = copyErrors(thrown.validation)
  } else {
    shown['kind'] = 'thrown'
    readThrown(thrown, shown)
  }
  return stringify(shown)
}

/** What was thrown, as a line of log. */
export function failureLine (thrown: unknown): string {
  if (Refusal.is(thrown)) return thrown.message
  const shown = dictionary<unknown>()
  readThrown(thrown, shown)
  return typeof shown['stack'] === 'string' && shown['stack'] !== '' ? shown['stack'] : shown['message'] as string
}

function readThrown (thrown: unknown, shown: Shown): void {
  shown['message'] = ''
  try {
    const { statusCode, message, code, stack } = (thrown ?? {}) as { statusCode?: unknown, message?: unknown, code?: unknown, stack?: unknown }
    if (isInteger(statusCode) && (statusCode as number) >= 400 && (statusCode as number) <= 599) shown['statusCode'] = statusCode
    shown['message'] = typeof message === 'string' && (isError(thrown) || typeof thrown === 'object')
      ? cut(message, MESSAGE_CHARACTERS)
      : cut(`threw what is no Error: ${inspect(thrown)}`, MESSAGE_CHARACTERS)
    if (typeof code === 'string') shown['code'] = cut(code, CODE_CHARACTERS)
    if (typeof stack === 'string') shown['stack'] = cut(withoutOwnFrames(cut(stack, 2 * STACK_CHARACTERS)), STACK_CHARACTERS)
  } catch {
    if (shown['message'] === '') shown['message'] = 'threw what cannot be read'
  }
}

/** Of the guest's objects only what has a known form, since `stringify` would call any `toJSON`. */
function copyErrors (errors: unknown): Shown[] {
  const copies = list<Shown>()
  try {
    if (!isArray(errors)) return copies
    for (let i = 0; i < errors.length && i < VALIDATION_ERRORS; i++) copies[i] = copyPlain(errors[i], 1)
  } catch { /* As many as could be read. */ }
  return copies
}

function copyPlain (value: object, depth: number): Shown {
  const copy = dictionary<unknown>()
  const names = keys(value)
  for (let i = 0; i < names.length && i < 32; i++) {
    const name = names[i] as string
    if (!hasOwn(value, name)) continue
    const own = (value as Shown)[name]
    if (typeof own === 'string') copy[name] = cut(own, CODE_CHARACTERS)
    else if (typeof own === 'number' || typeof own === 'boolean' || own === null) copy[name] = own
    else if (typeof own === 'object' && !isArray(own) && depth > 0) copy[name] = copyPlain(own, depth - 1)
  }
  return copy
}
