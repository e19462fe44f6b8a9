import { need, textOf } from '../common/interface.ts'
import { parseForm, serializeForm } from './form.ts'

type Entry = [name: string, value: string]

/** Set by the class, and not reachable through it. */
export let onChange: (params: URLSearchParams, tell: (search: string) => void) => void
export let replace: (params: URLSearchParams, search: string) => void
export let isSearchParams: (value: unknown) => value is URLSearchParams

export class URLSearchParams {
  #entries: Entry[]
  #tell: ((search: string) => void) | undefined

  static {
    onChange = (params, tell) => { params.#tell = tell }
    replace = (params, search) => { params.#entries = parseForm(search) }
    isSearchParams = (value): value is URLSearchParams => typeof value === 'object' && value !== null && #entries in value
  }

  constructor (init: unknown = '') {
    this.#entries = entriesOf(init)
  }

  get size (): number { return this.#entries.length }

  append (name: unknown, value: unknown): void {
    need(arguments, 2)
    this.#entries.push([textOf(name), textOf(value)])
    this.#changed()
  }

  delete (name: unknown, value?: unknown): void {
    need(arguments, 1)
    this.#entries = this.#entries.filter(not(matching(name, value)))
    this.#changed()
  }

  get (name: unknown): string | null {
    need(arguments, 1)
    return this.#entries.find(matching(name))?.[1] ?? null
  }

  getAll (name: unknown): string[] {
    need(arguments, 1)
    return this.#entries.filter(matching(name)).map(([, value]) => value)
  }

  has (name: unknown, value?: unknown): boolean {
    need(arguments, 1)
    return this.#entries.some(matching(name, value))
  }

  set (name: unknown, value: unknown): void {
    need(arguments, 2)
    const matches = matching(name)
    const first = this.#entries.find(matches)
    if (first === undefined) {
      this.#entries.push([textOf(name), textOf(value)])
    } else {
      first[1] = textOf(value)
      this.#entries = this.#entries.filter(entry => entry === first || !matches(entry))
    }
    this.#changed()
  }

  sort (): void {
    // By code units, and stable.
    this.#entries.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
    this.#changed()
  }

  forEach (callback: (value: string, name: string, params: URLSearchParams) => void, receiver?: unknown): void {
    if (typeof callback !== 'function') throw new TypeError('The "callback" argument must be of type function.')
    for (const [name, value] of this) callback.call(receiver, value, name, this)
  }

  // Live, as the standard has it: what is appended while iterating is seen.
  * entries (): Generator<Entry, undefined> {
    for (let i = 0; i < this.#entries.length; i++) yield [...this.#entries[i]!]
  }

  * keys (): Generator<string, undefined> {
    for (const [name] of this.entries()) yield name
  }

  * values (): Generator<string, undefined> {
    for (const [, value] of this.entries()) yield value
  }

  [Symbol.iterator] (): Generator<Entry, undefined> {
    return this.entries()
  }

  toString (): string {
    return serializeForm(this.#entries)
  }

  #changed (): void {
    this.#tell?.(serializeForm(this.#entries))
  }
}

function matching (name: unknown, value?: unknown): (entry: Entry) => boolean {
  const wantedName = textOf(name)
  const wantedValue = value === undefined ? undefined : textOf(value)
  return entry => entry[0] === wantedName && (wantedValue === undefined || entry[1] === wantedValue)
}

function not (matches: (entry: Entry) => boolean): (entry: Entry) => boolean {
  return entry => !matches(entry)
}

function entriesOf (init: unknown): Entry[] {
  if ((typeof init !== 'object' && typeof init !== 'function') || init === null) return parseForm(textOf(init))
  if (typeof (init as Iterable<unknown>)[Symbol.iterator] === 'function') return Array.from(init as Iterable<unknown>, pairOf)
  // A Map, since two names may be the same once they are well-formed.
  const entries = new Map<string, string>()
  for (const key of Reflect.ownKeys(init)) {
    if (!Object.prototype.propertyIsEnumerable.call(init, key)) continue
    entries.set(textOf(key), textOf((init as Record<PropertyKey, unknown>)[key]))
  }
  return [...entries]
}

function pairOf (pair: unknown): Entry {
  const isSequence = typeof pair === 'object' && pair !== null && typeof (pair as Iterable<unknown>)[Symbol.iterator] === 'function'
  const texts = isSequence ? Array.from(pair as Iterable<unknown>, textOf) : []
  if (texts.length !== 2) throw new TypeError('Each query pair must be an iterable [name, value] tuple')
  return texts as Entry
}
