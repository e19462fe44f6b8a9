import type { Problem, Shadowed } from '../../types/directory.ts'
import type { Endpoint } from '../describe/describe.ts'
import type { ModuleVersion } from './module.ts'

/** One api of one module: which endpoint answers which method. */
export interface Api {
  readonly module: ModuleVersion
  readonly name: string
  readonly byMethod: ReadonlyMap<string, Endpoint>
}

/** All that one owner serves. */
export interface Namespace {
  /** In order. */
  readonly modules: readonly ModuleVersion[]
  /** By module name and by alias, then by api. */
  readonly byModule: ReadonlyMap<string, ReadonlyMap<string, Api>>
  /** By api alone: the first module in order answers. */
  readonly byApi: ReadonlyMap<string, Api>
}

/** What is served at one moment. Never changed: the next one takes its place in one assignment. */
export interface Snapshot {
  /** By owner; by the empty name in single-tenant mode. */
  readonly namespaces: ReadonlyMap<string, Namespace>
  readonly problems: readonly Problem[]
  readonly shadowed: readonly Shadowed[]
}

/** A path that leads to an api. */
export interface Match {
  readonly module: ModuleVersion
  readonly api: string
  readonly endpoint: Endpoint
  readonly slugs: readonly string[]
}

export type Resolution =
  | { readonly match: Match }
  | { readonly api: string, readonly allow: readonly string[] }

interface GrowingNamespace { modules: ModuleVersion[], byModule: Map<string, ReadonlyMap<string, Api>>, byApi: Map<string, Api> }

/** In order: a module's name or alias that an earlier module of its namespace has refuses it. */
export function assemble (modules: readonly ModuleVersion[], { multiTenant, admins }: { multiTenant: boolean, admins: readonly string[] }): Snapshot {
  const namespaces = new Map((multiTenant ? admins : ['']).map(owner => [owner, emptyNamespace()]))
  const problems: Problem[] = []
  const shadowed: Shadowed[] = []
  for (const module of modules) {
    const owner = multiTenant ? module.owner : ''
    const namespace = namespaces.get(owner) ?? emptyNamespace()
    namespaces.set(owner, namespace)
    const names = module.alias === undefined ? [module.name] : [module.name, module.alias]
    const taken = names.find(name => namespace.byModule.has(name))
    if (taken !== undefined) {
      const other = namespace.modules.find(one => one.name === taken || one.alias === taken)
      problems.push({
        code: 'FMS_ERR_NAME',
        owner: module.owner,
        file: module.file,
        message: `expected a name and an alias that no earlier module has; found ${JSON.stringify(taken)}, which is that of ${other?.file}`
      })
      continue
    }
    const apis = apisOf(module)
    namespace.modules.push(module)
    for (const name of names) namespace.byModule.set(name, apis)
    for (const api of apis.values()) {
      const first = namespace.byApi.get(api.name)
      if (first === undefined) namespace.byApi.set(api.name, api)
      else shadowed.push({ owner: module.owner, module: module.name, api: api.name, by: first.module.name })
    }
  }
  return { namespaces, problems, shadowed }
}

function emptyNamespace (): GrowingNamespace {
  return { modules: [], byModule: new Map(), byApi: new Map() }
}

function apisOf (module: ModuleVersion): Map<string, Api> {
  const apis = new Map<string, { module: ModuleVersion, name: string, byMethod: Map<string, Endpoint> }>()
  for (const endpoint of module.endpoints) {
    const api = apis.get(endpoint.api) ?? { module, name: endpoint.api, byMethod: new Map() }
    apis.set(endpoint.api, api)
    for (const method of endpoint.methods) {
      api.byMethod.set(method, endpoint)
      if (method === 'GET') api.byMethod.set('HEAD', endpoint)
    }
  }
  return apis
}

/**
 * Finds what a path names. The path decides, never the method: a first segment that names a module *and* is followed
 * by one of its apis means that module, otherwise it is an api.
 *
 * @param segments decoded, at least one
 */
export function resolve (namespace: Namespace | undefined, segments: readonly string[], method: string): Resolution {
  const [first = '', second] = segments
  const inModule = second === undefined ? undefined : namespace?.byModule.get(first)?.get(second)
  const api = inModule ?? namespace?.byApi.get(first)
  const endpoint = api?.byMethod.get(method)
  if (api === undefined || endpoint === undefined) {
    const named = namespace?.byModule.has(first) ? second ?? first : first
    return { api: api?.name ?? named, allow: api === undefined ? [] : [...api.byMethod.keys()] }
  }
  return { match: { module: api.module, api: api.name, endpoint, slugs: segments.slice(inModule === undefined ? 1 : 2) } }
}

/** All URL forms of an owner's endpoints, below its base: `api`, `module/api`, `alias/api`. */
export function * forms (namespace: Namespace): Generator<{ path: string, api: Api }> {
  for (const [name, api] of namespace.byApi) yield { path: name, api }
  for (const [module, apis] of namespace.byModule) {
    for (const [name, api] of apis) yield { path: `${module}/${name}`, api }
  }
}
