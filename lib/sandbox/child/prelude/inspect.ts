import {
  dateTime, getOwnPropertyDescriptor, getPrototypeOf, hasOwn, isArray, isError, isoDate, list, mapForEach, mapSize, min, ownKeys, regexpFlags, regexpSource,
  setForEach, setSize, slice, StringOf, stringify, symbolText, typedArrayLength, typedArrayName
} from './primordials.ts'
import { withoutOwnFrames } from './text.ts'

const DEPTH = 3
const ENTRIES = 100
/** No line needs more; what a line costs to make must be capped before the log's own limit comes in. */
const CHARACTERS = 16_384

interface Writing {
  text: string
  /** The objects that the one being written lies in. */
  readonly around: object[]
  depth: number
}

/**
 * A value as text, on one line, much as Node's `util.inspect` shows it. It calls no getter but those of an error, and
 * may throw whatever they, or the traps of a Proxy, throw.
 */
export function inspect (value: unknown): string {
  const writing: Writing = { text: '', around: list(), depth: 0 }
  write(writing, value)
  return writing.text.length > CHARACTERS ? slice(writing.text, 0, CHARACTERS) + '…' : writing.text
}

/** As `inspect`, but a string is itself. */
export function display (value: unknown): string {
  return typeof value === 'string' ? value : inspect(value)
}

function write (writing: Writing, value: unknown): void {
  if (writing.text.length > CHARACTERS) return
  switch (typeof value) {
    case 'string': writing.text += stringify(value.length > CHARACTERS ? slice(value, 0, CHARACTERS) : value); break
    case 'bigint': writing.text += StringOf(value) + 'n'; break
    case 'symbol': writing.text += symbolText(value); break
    case 'function': writing.text += `[function${nameOf(value)}]`; break
    case 'object': value === null ? writing.text += 'null' : writeObject(writing, value); break
    default: writing.text += value === 0 && 1 / (value as number) < 0 ? '-0' : StringOf(value)
  }
}

function writeObject (writing: Writing, value: object): void {
  const { around, depth } = writing
  for (let i = 0; i < depth; i++) {
    if (around[i] === value) {
      writing.text += '[circular]'
      return
    }
  }
  const short = shortForm(value)
  if (short !== undefined || depth > DEPTH) {
    writing.text += short ?? (isArray(value) ? '[array]' : '[object]')
    return
  }
  around[depth] = value
  writing.depth = depth + 1
  try {
    if (isArray(value)) writeElements(writing, value, value.length)
    else if (typedArrayName(value) !== undefined) writeBytes(writing, value as ArrayLike<number>)
    else if (!writeCollection(writing, value)) writeProperties(writing, value)
  } finally {
    writing.depth = depth
  }
}

/** Of what says more as a whole than by its properties. */
function shortForm (value: object): string | undefined {
  if (isError(value)) return errorText(value)
  try {
    return isNaN(dateTime(value as Date)) ? 'Invalid Date' : isoDate(value as Date)
  } catch { /* It is no Date. */ }
  try {
    // Of `RegExp.prototype` itself these are texts as well, which does no harm.
    return `/${regexpSource(value as RegExp)}/${regexpFlags(value as RegExp)}`
  } catch { /* It is no RegExp. */ }
  return undefined
}

function isNaN (value: number): boolean {
  return value !== value // eslint-disable-line no-self-compare -- the only way that no guest can change
}

/** The stack says name and message too. It is an own property, or an accessor of V8's that is one. */
function errorText (error: Error): string {
  const { stack, message } = error
  if (typeof stack === 'string' && stack !== '') return withoutOwnFrames(slice(stack, 0, CHARACTERS))
  return `[error: ${typeof message === 'string' ? message : ''}]`
}

function writeElements (writing: Writing, values: ArrayLike<unknown>, length: number): void {
  writing.text += '['
  const shown = min(length, ENTRIES)
  for (let i = 0; i < shown; i++) {
    if (i > 0) writing.text += ', '
    writeProperty(writing, values, i)
  }
  writing.text += length > shown ? `, … ${length - shown} more]` : ']'
}

function writeBytes (writing: Writing, values: ArrayLike<number>): void {
  writing.text += `${typedArrayName(values)} `
  writeElements(writing, values, typedArrayLength(values))
}

/** Whether the value is a Map or a Set, which then is written. */
function writeCollection (writing: Writing, value: object): boolean {
  const mapped = sizeOf(mapSize, value)
  const size = mapped ?? sizeOf(setSize, value)
  if (size === undefined) return false
  let entries = 0
  const see = (element: unknown, key: unknown): void => {
    if (++entries > ENTRIES) return
    if (entries > 1) writing.text += ', '
    if (mapped !== undefined) {
      write(writing, key)
      writing.text += ' => '
    }
    write(writing, element)
  }
  writing.text += `${mapped === undefined ? 'Set' : 'Map'}(${size}) {`
  if (mapped === undefined) setForEach(value as Set<unknown>, element => see(element, undefined))
  else mapForEach(value as Map<unknown, unknown>, see)
  writing.text += size > ENTRIES ? `, … ${size - ENTRIES} more}` : '}'
  return true
}

function sizeOf<T> (read: (collection: T) => number, value: object): number | undefined {
  try {
    return read(value as T)
  } catch {
    return undefined
  }
}

function writeProperties (writing: Writing, value: object): void {
  const prototype = getPrototypeOf(value)
  const name = prototype === null ? '' : constructorName(prototype)
  writing.text += name === '' || name === 'Object' ? '{' : `${name} {`
  const names = ownKeys(value)
  let shown = 0
  for (let i = 0; i < names.length; i++) {
    const key = names[i] as string | symbol
    const descriptor = getOwnPropertyDescriptor(value, key)
    if (descriptor === undefined || !descriptor.enumerable) continue
    if (++shown > ENTRIES || writing.text.length > CHARACTERS) {
      writing.text += ', …'
      break
    }
    writing.text += `${shown > 1 ? ',' : ''} ${typeof key === 'symbol' ? `[${symbolText(key)}]` : key}: `
    if (hasOwn(descriptor, 'value')) write(writing, descriptor.value)
    else writing.text += '[getter]'
  }
  writing.text += shown > 0 ? ' }' : '}'
}

function writeProperty (writing: Writing, value: object, key: PropertyKey): void {
  const descriptor = getOwnPropertyDescriptor(value, key)
  if (descriptor === undefined) writing.text += '[empty]'
  else if (hasOwn(descriptor, 'value')) write(writing, descriptor.value)
  else writing.text += '[getter]'
}

function constructorName (prototype: object): string {
  const maker = getOwnPropertyDescriptor(prototype, 'constructor')
  return maker !== undefined && hasOwn(maker, 'value') && typeof maker.value === 'function' ? slice(nameOf(maker.value), 1) : ''
}

/** With a space before it; nothing where there is none. */
function nameOf (value: object): string {
  const name = getOwnPropertyDescriptor(value, 'name')
  return name !== undefined && hasOwn(name, 'value') && typeof name.value === 'string' && name.value !== '' ? ` ${slice(name.value, 0, 100)}` : ''
}
