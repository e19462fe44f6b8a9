import { createHash, randomBytes, randomUUID } from 'node:crypto'

/**
 * What the cell does for an isolate where V8 alone cannot, synchronously and without effects. Guest code does not see these
 * functions, but may find a way to call them with anything, so each is capped, and refuses by an empty answer. Bytes are
 * latin1 text, both ways.
 */
export type Capability = (input: string) => string

/** More than any body that a tenant may get or send; what takes longer than this holds the cell. */
const CHARACTERS_MAX = 16 * 1024 * 1024
const URL_CHARACTERS_MAX = 1024 * 1024
/** The time that international names take goes by the square of their length: at this one it is some 20 ms. */
const HOST_CHARACTERS_MAX = 2_048
const LABEL_CHARACTERS_MAX = 64
/** The standard's own limit. */
const RANDOM_BYTES_MAX = 65_536

const DIGESTS = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512']
const URL_FIELDS = ['protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'] as const
/** Where a URL that is not relative, or goes by the scheme of another, has its host. Only these schemes have international ones. */
const HOST = /^[\0-\x20]*(?:(?:https?|wss?|ftp|file):|[/\\](?=[/\\]))[/\\]*([^/\\?#]*)/i

function capability (charactersMax: number, answer: Capability): Capability {
  return input => {
    if (typeof input !== 'string' || input.length > charactersMax) return ''
    try {
      return answer(input)
    } catch {
      // The messages and stacks of this side are not the guest's to see.
      return ''
    }
  }
}

/** The text before the n-th line break, by lines, and what follows it, line breaks and all. */
function split (input: string, lines: number): string[] {
  const parts: string[] = []
  for (let rest = input; ; rest = rest.slice(parts.at(-1)!.length + 1)) {
    const end = parts.length < lines ? rest.indexOf('\n') : -1
    if (end < 0) return [...parts, rest]
    parts.push(rest.slice(0, end))
  }
}

function describe (url: URL): string {
  const { href, origin, protocol, username, password, host, hostname, port, pathname, search, hash } = url
  return [href, origin, protocol, username, password, host, hostname, port, pathname, search, hash].join('\n')
}

function parse (text: string, base?: string): URL {
  checkHost(text)
  if (base === undefined) return new URL(text)
  checkHost(base)
  return new URL(text, base)
}

function checkHost (text: string): void {
  if (text.length <= HOST_CHARACTERS_MAX) return
  const host = HOST.exec(text.replace(/[\t\n\r]/g, ''))?.[1] ?? ''
  if (host.length > HOST_CHARACTERS_MAX) throw new RangeError('The host is too long')
}

function set (input: string): string {
  const [name, href, value] = split(input, 2)
  const field = URL_FIELDS.find(field => field === name)
  if (field === undefined || href === undefined || value === undefined) return ''
  if ((field === 'host' || field === 'hostname') && value.length > HOST_CHARACTERS_MAX) return ''
  const url = parse(href)
  url[field] = value
  return describe(url)
}

function decode (input: string): string {
  const [label, fatal, bytes] = split(input, 2)
  const decoder = new TextDecoder(label, { fatal: fatal === 'fatal', ignoreBOM: true })
  return `=${decoder.decode(Buffer.from(bytes ?? '', 'latin1'))}`
}

function digest (input: string): string {
  const [name, bytes] = split(input, 1)
  if (!DIGESTS.includes(name!)) return ''
  return createHash(name!.replace('-', '')).update(bytes ?? '', 'latin1').digest().toString('latin1')
}

function random (input: string): string {
  const length = Number(input)
  return Number.isInteger(length) && length >= 0 && length <= RANDOM_BYTES_MAX ? randomBytes(length).toString('latin1') : ''
}

/** By the name that the prelude calls them by. */
export const capabilities: Readonly<Record<string, Capability>> = Object.freeze(Object.assign(Object.create(null) as Record<string, Capability>, {
  atob: capability(CHARACTERS_MAX, input => `=${atob(input)}`),
  btoa: capability(CHARACTERS_MAX, input => `=${btoa(input)}`),
  /** An encoding's label and whether errors are fatal, a line each, then bytes: an equals sign, then the text. */
  decode: capability(CHARACTERS_MAX, decode),
  /** A line with the name, then bytes. */
  digest: capability(CHARACTERS_MAX, digest),
  /** A label: the name of the encoding that it means. */
  encoding: capability(LABEL_CHARACTERS_MAX, input => new TextDecoder(input).encoding),
  random: capability(16, random),
  /** The URL's fields, a line each, in the order of `describe`. */
  url: capability(URL_CHARACTERS_MAX, input => describe(parse(input))),
  /** A line with the name of a field, one with the URL, then the field's new value. */
  'url-set': capability(URL_CHARACTERS_MAX, set),
  /** A line with the base, then the URL. */
  'url-within': capability(URL_CHARACTERS_MAX, input => {
    const [base, text] = split(input, 1)
    return text === undefined ? '' : describe(parse(text, base))
  }),
  uuid: capability(0, () => randomUUID())
}))
