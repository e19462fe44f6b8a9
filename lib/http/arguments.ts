import type { FastifyRequest } from 'fastify'
import type { Match } from '../catalog/snapshot.ts'
import { platformError } from '../errors.ts'
import { forbiddenArgumentNames, isArgumentName } from '../names.ts'
import type { Settings } from '../options.ts'

/** What a request gives an endpoint: `args` is the merge, the others are its sources. */
export interface CallArguments {
  readonly args: Record<string, unknown>
  /** Slugs by final name. */
  readonly params: Readonly<Record<string, string>>
  /** The payload without `__map__`. */
  readonly body: unknown
}

const mappable: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/**
 * Names the slugs, applies `__map__`, and merges payload, query and URL parameters, the later over the earlier.
 *
 * @param wantsArray whether the schema asks for an array under a name; else the last of a repeated query key counts
 * @throws `FMS_ERR_MAP`
 */
export function readArguments (request: FastifyRequest, match: Match, settings: Settings, wantsArray: (name: string) => boolean): CallArguments {
  const names = match.endpoint.params ?? settings.parameterNames
  let body: unknown = request.body
  let map: ReadonlyMap<string, string> | undefined
  if (isPayloadObject(body) && Object.hasOwn(body, '__map__') && mappable.has(request.method)) {
    const { __map__, ...rest } = body
    map = readMap(__map__)
    body = rest
  }
  const params = nameSlugs(match.slugs, names, map)
  const args: Record<string, unknown> = {}
  if (isPayloadObject(body)) copy(body, args)
  const query = request.query as Record<string, string | string[]>
  for (const name in query) {
    if (forbiddenArgumentNames.has(name)) continue
    const value = query[name]
    args[name] = Array.isArray(value) && !wantsArray(name) ? value.at(-1) : value
  }
  for (const name in params) args[name] = params[name]
  return { args, params, body }
}

function isPayloadObject (body: unknown): body is Record<string, unknown> {
  if (typeof body !== 'object' || body === null) return false
  const prototype: unknown = Object.getPrototypeOf(body)
  return prototype === Object.prototype || prototype === null
}

function copy (from: Readonly<Record<string, unknown>>, to: Record<string, unknown>): void {
  for (const name of Object.keys(from)) {
    if (!forbiddenArgumentNames.has(name)) to[name] = from[name]
  }
}

/** Checks all of the map, also what names no slug of this request: a client's mistake should not wait for the right URL. */
function readMap (given: unknown): Map<string, string> {
  if (!isPayloadObject(given)) {
    throw platformError('FMS_ERR_MAP', `must be an object of names; found ${Array.isArray(given) ? 'an array' : JSON.stringify(given)}`)
  }
  const map = new Map<string, string>()
  for (const [from, to] of Object.entries(given)) {
    if (!isArgumentName(to)) {
      throw platformError('FMS_ERR_MAP', `must name ${JSON.stringify(from)} with letters, digits and "_", not beginning with a digit, ` +
        `and not constructor or prototype; found ${JSON.stringify(to)}`)
    }
    map.set(from, to)
  }
  return map
}

/** All at once, so that a map may swap two names. */
function nameSlugs (slugs: readonly string[], names: readonly string[], map: ReadonlyMap<string, string> | undefined): Record<string, string> {
  const params: Record<string, string> = {}
  for (let i = 0; i < slugs.length; i++) {
    const name = names[i] as string
    const final = map?.get(name) ?? name
    if (map !== undefined && Object.hasOwn(params, final)) {
      throw platformError('FMS_ERR_MAP', `must give each URL parameter a name of its own; found ${JSON.stringify(final)} for two of them`)
    }
    params[final] = slugs[i] as string
  }
  return params
}
