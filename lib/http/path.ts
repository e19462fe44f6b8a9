import type { FastifyInstance } from 'fastify'

/** How the host's router reads paths, which is how we must read them. */
export interface PathReading {
  readonly caseSensitive: boolean
  readonly ignoreDuplicateSlashes: boolean
  readonly useSemicolonDelimiter: boolean
}

/** The host's router options; older spellings stand beside `routerOptions`. */
export function pathReading (app: FastifyInstance): PathReading {
  const { routerOptions, ...older } = app.initialConfig as Partial<PathReading> & { routerOptions?: Partial<PathReading> }
  return {
    caseSensitive: routerOptions?.caseSensitive ?? older.caseSensitive ?? true,
    ignoreDuplicateSlashes: routerOptions?.ignoreDuplicateSlashes ?? older.ignoreDuplicateSlashes ?? false,
    useSemicolonDelimiter: routerOptions?.useSemicolonDelimiter ?? older.useSemicolonDelimiter ?? false
  }
}

/**
 * The segments of a raw URL's path after the first `skip`, each decoded once: a `%2F` in a segment is text, no separator.
 * Undefined where an inner segment is empty or one cannot be decoded: such a path names nothing.
 */
export function segmentsOf (url: string, skip: number, reading: PathReading): string[] | undefined {
  const path = pathOf(url, reading)
  let from = 0
  for (let i = 0; i <= skip; i++) from = path.indexOf('/', from) + 1 || path.length
  const segments: string[] = []
  while (from < path.length) {
    const slash = path.indexOf('/', from)
    const to = slash === -1 ? path.length : slash
    const segment = decode(path.slice(from, to))
    if (segment === undefined || segment === '') return undefined
    segments.push(segment)
    from = to + 1
  }
  return segments
}

function pathOf (url: string, { ignoreDuplicateSlashes, useSemicolonDelimiter }: PathReading): string {
  let path = before(before(url, '?'), '#')
  if (useSemicolonDelimiter) path = before(path, ';')
  // To a proxy, a request names its host as well (absolute-form, RFC 9112, 3.2.2).
  if (!path.startsWith('/')) path = path.replace(/^https?:\/\/[^/]*/i, '')
  return ignoreDuplicateSlashes ? path.replaceAll(/\/{2,}/g, '/') : path
}

function before (text: string, delimiter: string): string {
  const end = text.indexOf(delimiter)
  return end === -1 ? text : text.slice(0, end)
}

function decode (segment: string): string | undefined {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
