import type { FastifyRequest } from 'fastify'
import type { Match } from '../catalog/snapshot.ts'
import { platformError } from '../errors.ts'
import { forbiddenArgumentNames, isArgumentName } from '../names.ts'
import type { Settings } from '../options.ts'
import { takesArray } from '../describe/arrays.ts'

/** What a request gives an endpoint: `args` is the merge, the others are its sources. */
export interface CallArguments {
  readonly args: Record<string, unknown>
  /** Slugs by final name. */
  readonly params: Readonly<Record<string, string>>
  /** Whether the payload has a `__map__`, which is no argument. */
  readonly mapped: boolean
}

const mappable: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/**
 * Names the slugs and applies `__map__`: what of the arguments is read in this process for tenants' endpoints too.
 *
 * @throws `FMS_ERR_MAP`
 */
export function readParameters (request: FastifyRequest, { endpoint, slugs }: Match, settings: Settings): Omit<CallArguments, 'args'> {
  const { body } = request
  const map = isPayloadObject(body) && Object.hasOwn(body, '__map__') && mappable.has(request.method) ? checkMap(body['__map__']) : undefined
  const params = slugs.length === 0 ? noParams : nameSlugs(slugs, endpoint.params ?? settings.parameterNames, map)
  return { params, mapped: map !== undefined }
}

/**
 * Merges payload, query and URL parameters, the later over the earlier.
 *
 * @throws `FMS_ERR_MAP`
 */
export function readArguments (request: FastifyRequest, match: Match, settings: Settings): CallArguments {
  const { params, mapped } = readParameters(request, match, settings)
  const { body } = request
  const { args: schema } = match.endpoint
  const args: Record<string, unknown> = {}
  if (isPayloadObject(body)) {
    for (const name of Object.keys(body)) {
      if (!forbiddenArgumentNames.has(name)) args[name] = body[name]
    }
  }
  const query = request.query as Record<string, string | string[]>
  for (const name of Object.keys(query)) {
    if (forbiddenArgumentNames.has(name)) continue
    const value = query[name]
    args[name] = Array.isArray(value) && !(schema && takesArray(schema, name)) ? value.at(-1) : value
  }
  for (const name of Object.keys(params)) args[name] = params[name]
  return { args, params, mapped }
}

const noParams: Readonly<Record<string, string>> = Object.freeze({})

/** An object with names as values, checked. */
type NameMap = Readonly<Record<string, string>>

function isPayloadObject (body: unknown): body is Record<string, unknown> {
  if (typeof body !== 'object' || body === null) return false
  const prototype: unknown = Object.getPrototypeOf(body)
  return prototype === Object.prototype || prototype === null
}

/** Checks all of the map, also what names no slug of this request: a client's mistake should not wait for the right URL. */
function checkMap (given: unknown): NameMap {
  if (!isPayloadObject(given)) {
    throw platformError('FMS_ERR_MAP', `must be an object of names; found ${show(given)}`)
  }
  for (const from of Object.keys(given)) {
    const to = given[from]
    if (isArgumentName(to)) continue
    throw platformError('FMS_ERR_MAP', `must name ${show(from)} with letters, digits and "_", not beginning with a digit, ` +
      `and not constructor or prototype; found ${show(to)}`)
  }
  return given as NameMap
}

/** In a message to who sent it: briefly, since it may be as large and deep as a payload. */
function show (value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  return JSON.stringify(typeof value === 'string' ? value.slice(0, 100) : value)
}

/** All at once, so that a map may swap two names. */
function nameSlugs (slugs: readonly string[], names: readonly string[], map: NameMap | undefined): Record<string, string> {
  const params: Record<string, string> = {}
  for (let i = 0; i < slugs.length; i++) {
    const name = names[i] as string
    const final = map !== undefined && Object.hasOwn(map, name) ? map[name] as string : name
    if (map !== undefined && Object.hasOwn(params, final)) {
      throw platformError('FMS_ERR_MAP', `must give each URL parameter a name of its own; found ${show(final)} for two of them`)
    }
    params[final] = slugs[i] as string
  }
  return params
}
