/**
 * One spelling for all that mean the same URL (RFC 3986, 6.2.2 and 6.2.3), undefined for what is none, or has more than
 * origin and path. Neither has a path with dot segments or backslashes: clients resolve them before they send, and
 * who comes with one must not get what the token says of the path that it would become.
 */
export function normalUrl (text: string): string | undefined {
  if (/[?#\\]|\/(?:\.|%2e){1,2}(?:\/|$)/i.test(text)) return undefined
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined
  return url.origin + url.pathname.replaceAll(/%[\da-f]{2}/gi, normalEscape)
}

function normalEscape (escape: string): string {
  const character = String.fromCharCode(parseInt(escape.slice(1), 16))
  return /[-.~\w]/.test(character) ? character : escape.toUpperCase()
}

/** A URL, or what follows the host in one, without its query, and that. */
export function splitQuery (url: string): { path: string, query: string } {
  const end = url.indexOf('?')
  return end === -1 ? { path: url, query: '' } : { path: url.slice(0, end), query: url.slice(end + 1) }
}
