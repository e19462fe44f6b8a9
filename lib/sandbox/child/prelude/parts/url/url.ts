import { host } from '../common/cell.ts'
import { need, textOf } from '../common/interface.ts'
import { URLSearchParams, onChange, replace } from './search-params.ts'

/** Of the cell's answer: a line each, in this order. None of them can hold a line break. */
const [HREF, ORIGIN, PROTOCOL, USERNAME, PASSWORD, HOST, HOSTNAME, PORT, PATHNAME, SEARCH, HASH] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

/** The cell's answer, or nothing where the URL is invalid. */
function parse (url: unknown, base: unknown): string {
  const text = textOf(url)
  // Parsing drops line breaks anyway.
  return base === undefined ? host('url', text) : host('url-within', `${textOf(base).replace(/[\n\r]/g, '')}\n${text}`)
}

export class URL {
  #fields: string[]
  #params: URLSearchParams | undefined

  constructor (url: unknown, base?: unknown) {
    need(arguments, 1)
    const answer = parse(url, base)
    if (answer === '') throw new TypeError('Invalid URL')
    this.#fields = answer.split('\n')
  }

  static canParse (url: unknown, base?: unknown): boolean {
    need(arguments, 1)
    return parse(url, base) !== ''
  }

  static parse (url: unknown, base?: unknown): URL | null {
    need(arguments, 1)
    const answer = parse(url, base)
    // What the cell answered parses as it is.
    return answer === '' ? null : new URL(answer.slice(0, answer.indexOf('\n')))
  }

  get href (): string { return this.#fields[HREF]! }
  get origin (): string { return this.#fields[ORIGIN]! }
  get protocol (): string { return this.#fields[PROTOCOL]! }
  get username (): string { return this.#fields[USERNAME]! }
  get password (): string { return this.#fields[PASSWORD]! }
  get host (): string { return this.#fields[HOST]! }
  get hostname (): string { return this.#fields[HOSTNAME]! }
  get port (): string { return this.#fields[PORT]! }
  get pathname (): string { return this.#fields[PATHNAME]! }
  get search (): string { return this.#fields[SEARCH]! }
  get hash (): string { return this.#fields[HASH]! }

  set href (value: string) {
    const answer = parse(value, undefined)
    if (answer === '') throw new TypeError('Invalid URL')
    this.#take(answer)
  }

  set protocol (value: string) { this.#set('protocol', value) }
  set username (value: string) { this.#set('username', value) }
  set password (value: string) { this.#set('password', value) }
  set host (value: string) { this.#set('host', value) }
  set hostname (value: string) { this.#set('hostname', value) }
  set port (value: string) { this.#set('port', value) }
  set pathname (value: string) { this.#set('pathname', value) }
  set search (value: string) { this.#set('search', value) }
  set hash (value: string) { this.#set('hash', value) }

  get searchParams (): URLSearchParams {
    if (this.#params === undefined) {
      this.#params = new URLSearchParams(this.search)
      onChange(this.#params, search => { this.#fields = this.#changed('search', search) })
    }
    return this.#params
  }

  toString (): string {
    return this.href
  }

  toJSON (): string {
    return this.href
  }

  #changed (name: string, value: unknown): string[] {
    const answer = host('url-set', `${name}\n${this.href}\n${textOf(value)}`)
    return answer === '' ? this.#fields : answer.split('\n')
  }

  #set (name: string, value: unknown): void {
    this.#fields = this.#changed(name, value)
    if (name === 'search') this.#reread()
  }

  #take (answer: string): void {
    this.#fields = answer.split('\n')
    this.#reread()
  }

  #reread (): void {
    if (this.#params !== undefined) replace(this.#params, this.search)
  }
}
