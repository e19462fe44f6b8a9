import { type Match, type Namespace, resolve, type Resolution, type Snapshot } from '../catalog/snapshot.ts'
import { platformError, type PlatformError } from '../errors.ts'
import { namePattern } from '../names.ts'
import type { Settings } from '../options.ts'

/** Who is served, as far as this process knows: nothing is read from the store for a request. */
export interface Census {
  /** An admin, or a tenant that exists and is enabled. */
  serves (uuid: string): boolean
  /** Of a tenant that exists. */
  adminOf (uuid: string): string | undefined
  /** What is known of tenants is too old to count. */
  readonly stale: boolean
}

/** The namespace that a path selects, and what follows. UUIDs are lower-case here, as paths are case-sensitive everywhere else. */
export function namespaceOf (
  { namespaces }: Snapshot, segments: readonly string[], { multiTenant }: Settings, census: Census | undefined
): { namespace: Namespace | undefined, names: readonly string[] } {
  if (!multiTenant) return { namespace: namespaces.get(''), names: segments }
  const [uuid = '', ...names] = segments
  // Malformed, unknown, disabled, removed: the same to whoever asks.
  return { namespace: census?.serves(uuid) === true ? namespaces.get(uuid) : undefined, names }
}

/** Finds the endpoint that a path below the base means, with its slugs checked; else what the 404 says. */
export function resolvePath (snapshot: Snapshot, segments: readonly string[], method: string, settings: Settings, census: Census | undefined): Resolution {
  const { namespace, names } = namespaceOf(snapshot, segments, settings, census)
  return resolveNames(namespace, names, method, settings)
}

/** The same in one namespace. */
export function resolveNames (namespace: Namespace | undefined, names: readonly string[], method: string, settings: Settings): Resolution {
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
