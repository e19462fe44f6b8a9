import { type Match, resolve, type Resolution, type Snapshot } from '../catalog/snapshot.ts'
import { platformError, type PlatformError } from '../errors.ts'
import { canonicalUuid, namePattern } from '../names.ts'
import type { Settings } from '../options.ts'

/**
 * The segments of a raw path below the first `skip`, each decoded once: a `%2F` in a segment is text, not a separator.
 * Undefined where an inner segment is empty or one cannot be decoded: such a path names nothing.
 */
export function segmentsOf (url: string, skip: number): string[] | undefined {
  const end = url.search(/[?#]/)
  const path = end === -1 ? url : url.slice(0, end)
  const segments = path.split('/').slice(skip + 1)
  if (segments.at(-1) === '') segments.pop()
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i] as string
    if (segment === '') return undefined
    if (!segment.includes('%')) continue
    try {
      segments[i] = decodeURIComponent(segment)
    } catch {
      return undefined
    }
  }
  return segments
}

/** Finds the endpoint that a path below the base means, with its slugs checked; else what the 404 says. */
export function resolvePath (snapshot: Snapshot, segments: readonly string[], method: string, settings: Settings): Resolution {
  const owner = settings.multiTenant ? canonicalUuid(segments[0] ?? '') : ''
  const names = settings.multiTenant ? segments.slice(1) : segments
  const namespace = owner === undefined ? undefined : snapshot.namespaces.get(owner)
  const resolution = resolve(namespace, names, method)
  if ('match' in resolution && !fits(resolution.match, settings)) return { api: resolution.match.api, allow: [] }
  return resolution
}

/** An endpoint that names its slugs takes any text in them; others take names, as many as the settings name. */
function fits ({ endpoint: { params }, slugs }: Match, { parameterNames }: Settings): boolean {
  return params === undefined
    ? slugs.length <= parameterNames.length && slugs.every(slug => namePattern.test(slug))
    : slugs.length <= params.length
}

/** The 404 of a path or method that nothing answers, with `Allow` where other methods do. */
export function undefinedError ({ api, allow }: { api: string, allow: readonly string[] }, method: string): PlatformError {
  const error = platformError('FMS_ERR_UNDEFINED', api, method)
  if (allow.length > 0) error.headers = { allow: allow.join(', ') }
  return error
}
