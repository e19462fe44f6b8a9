import type { IncomingHttpHeaders } from 'node:http'
import type { Endpoint } from '../describe/describe.ts'
import type { Invocation } from './invocation.ts'

/** Headers that carry the credentials of the app's users, or what its proxies say of them. */
const withheld = /^(cookie|authorization|forwarded|proxy-.*|x-forwarded-.*)$/

/** Whether a name is withheld, of those that came: there are few, and they are the same for most requests. */
const known = new Map<string, boolean>()
/** Clients may send any names: beyond this the test is made each time. */
const KNOWN_MAX = 1_000

/** What a tenant's isolate gets of a call: JSON of a `GuestCall` without its id. */
export function guestText ({ match, request, params, mapped, payload }: Invocation, allowed: ReadonlySet<string>): string {
  const { method, url, id, body, query } = request
  const path = url.split('?', 1)[0] as string
  return `{${nameOf(match.endpoint)},"method":"${method}","path":${JSON.stringify(path)},"requestId":${JSON.stringify(id)}` +
    `,"headers":${headersText(request.headers, allowed)},"query":${textOf(query as object)}` +
    `,"params":${textOf(params)}${mapped ? ',"mapped":true' : ''}${payloadText(payload, body)}}`
}

const texts = new WeakMap<Endpoint, string>()

function nameOf (endpoint: Endpoint): string {
  let text = texts.get(endpoint)
  if (text === undefined) texts.set(endpoint, text = `"function":${JSON.stringify(endpoint.function)},"api":${JSON.stringify(endpoint.api)}`)
  return text
}

function headersText (headers: IncomingHttpHeaders, allowed: ReadonlySet<string>): string {
  let text = ''
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || (isWithheld(name) && !allowed.has(name))) continue
    text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${JSON.stringify(value)}`
  }
  return `{${text}}`
}

function isWithheld (name: string): boolean {
  const before = known.get(name)
  if (before !== undefined) return before
  const result = withheld.test(name)
  if (known.size < KNOWN_MAX) known.set(name, result)
  return result
}

/** As it was sent where it is JSON; else what the host's parser made of it, as far as it can cross. */
function payloadText (payload: string | undefined, body: unknown): string {
  if (payload !== undefined) return `,"payload":${payload}`
  if (body === undefined || body === null) return body === null ? ',"payload":null' : ''
  if (body instanceof Uint8Array) return `,"bytes":"${Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64')}"`
  try {
    const text = JSON.stringify(body)
    return text === undefined ? '' : `,"payload":${text}`
  } catch {
    return ''
  }
}

function textOf (record: object): string {
  return Object.keys(record).length === 0 ? '{}' : JSON.stringify(record)
}
