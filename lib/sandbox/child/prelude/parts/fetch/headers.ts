import { need } from '../common/interface.ts'

/** https://www.rfc-editor.org/rfc/rfc9110#name-tokens */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** Bytes, but none that would end the line. */
const VALUE = /^[^\0\n\r\u0100-\uffff]*$/
const SPACE_AROUND = /^[\t\n\r ]+|[\t\n\r ]+$/g
/** The one that may come more than once: it cannot be joined by commas. */
const SET_COOKIE = 'set-cookie'

/** Set by the class, and not reachable through it. */
export let pairsOf: (headers: Headers) => Array<[string, string]>
export let freeze: (headers: Headers) => void

export class Headers {
  /** By name in lower case. */
  readonly #values = new Map<string, string[]>()
  #frozen = false

  static {
    pairsOf = headers => headers.#pairs()
    freeze = headers => { headers.#frozen = true }
  }

  constructor (init?: unknown) {
    for (const [name, value] of init === undefined ? [] : initial(init)) this.append(name, value)
  }

  append (name: unknown, value: unknown): void {
    need(arguments, 2)
    const [key, text] = this.#checked(name, value)
    const values = this.#values.get(key)
    if (values === undefined) this.#values.set(key, [text])
    else if (key === SET_COOKIE) values.push(text)
    else values[0] = `${values[0]}, ${text}`
  }

  set (name: unknown, value: unknown): void {
    need(arguments, 2)
    const [key, text] = this.#checked(name, value)
    this.#values.set(key, [text])
  }

  delete (name: unknown): void {
    need(arguments, 1)
    const [key] = this.#checked(name, '')
    this.#values.delete(key)
  }

  get (name: unknown): string | null {
    need(arguments, 1)
    return this.#values.get(keyOf(name))?.join(', ') ?? null
  }

  has (name: unknown): boolean {
    need(arguments, 1)
    return this.#values.has(keyOf(name))
  }

  getSetCookie (): string[] {
    return [...this.#values.get(SET_COOKIE) ?? []]
  }

  forEach (callback: (value: string, name: string, headers: Headers) => void, receiver?: unknown): void {
    if (typeof callback !== 'function') throw new TypeError('The "callback" argument must be of type function.')
    for (const [name, value] of this) callback.call(receiver, value, name, this)
  }

  // Live, as the standard has it: each step looks at the headers as they are by then.
  * entries (): Generator<[string, string], undefined> {
    for (let i = 0; ; i++) {
      const pair = this.#pairs()[i]
      if (pair === undefined) return
      yield pair
    }
  }

  * keys (): Generator<string, undefined> {
    for (const [name] of this.entries()) yield name
  }

  * values (): Generator<string, undefined> {
    for (const [, value] of this.entries()) yield value
  }

  [Symbol.iterator] (): Generator<[string, string], undefined> {
    return this.entries()
  }

  #pairs (): Array<[string, string]> {
    const names = [...this.#values.keys()].sort()
    return names.flatMap(name => this.#values.get(name)!.map((value): [string, string] => [name, value]))
  }

  #checked (name: unknown, value: unknown): [key: string, text: string] {
    const key = keyOf(name)
    const text = `${value as string}`.replace(SPACE_AROUND, '')
    if (!VALUE.test(text)) throw new TypeError(`Header "${key}" has an invalid value: it must be one line of characters up to U+00FF`)
    if (this.#frozen) throw new TypeError('These headers are immutable')
    return [key, text]
  }
}

function keyOf (name: unknown): string {
  const text = `${name as string}`
  if (!NAME.test(text)) throw new TypeError(`Header name must be a valid HTTP token ["${text}"]`)
  return text.toLowerCase()
}

function * initial (init: unknown): Generator<readonly [unknown, unknown]> {
  if ((typeof init !== 'object' && typeof init !== 'function') || init === null) {
    throw new TypeError('Expected a record, a sequence of pairs or Headers for the headers')
  }
  if (typeof (init as Iterable<unknown>)[Symbol.iterator] === 'function') {
    for (const pair of init as Iterable<Iterable<unknown>>) {
      const parts = [...pair]
      if (parts.length !== 2) throw new TypeError('Expected a name and a value in each pair of the headers')
      yield [parts[0], parts[1]]
    }
    return
  }
  for (const name of Reflect.ownKeys(init)) {
    if (Object.prototype.propertyIsEnumerable.call(init, name)) yield [name, (init as Record<PropertyKey, unknown>)[name]]
  }
}
