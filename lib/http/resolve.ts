import { type Match, type Namespace, resolve, type Resolution, type Snapshot } from '../catalog/snapshot.ts'
import { platformError, type PlatformError } from '../errors.ts'
import { namePattern } from '../names.ts'
import type { Settings } from '../options.ts'

/** The namespace that a path selects, and what follows. UUIDs are lower-case here, as paths are case-sensitive everywhere else. */
export function namespaceOf (
  { namespaces }: Snapshot, segments: readonly string[], { multiTenant }: Settings
): { namespace: Namespace | undefined, names: readonly string[] } {
  return multiTenant
    ? { namespace: namespaces.get(segments[0] ?? ''), names: segments.slice(1) }
    : { namespace: namespaces.get(''), names: segments }
}

/** Finds the endpoint that a path below the base means, with its slugs checked; else what the 404 says. */
export function resolvePath (snapshot: Snapshot, segments: readonly string[], method: string, settings: Settings): Resolution {
  const { namespace, names } = namespaceOf(snapshot, segments, settings)
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
