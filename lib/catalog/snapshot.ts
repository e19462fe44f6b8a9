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

/** A namespace, and what of its modules it has no place for. */
export interface Assembled {
  readonly namespace: Namespace
  readonly problems: readonly Problem[]
  readonly shadowed: readonly Shadowed[]
}

/** What is served at one moment. What admins have never changes: the next snapshot takes its place in one assignment. */
export interface Snapshot {
  /** By owner; by the empty name in single-tenant mode. Tenants' namespaces, each never changed, come and go in it, one at a time. */
  readonly namespaces: ReadonlyMap<string, Namespace>
  /** Of admins' modules, as are these. */
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

/** What is served where there are no tenants, or before any was called. */
export function assemble (modules: readonly ModuleVersion[], { multiTenant, admins }: { multiTenant: boolean, admins: readonly string[] }): Snapshot {
  const byOwner = Map.groupBy(modules, ({ owner }) => multiTenant ? owner : '')
  const parts = (multiTenant ? admins : ['']).map(owner => [owner, assembleOwner(byOwner.get(owner) ?? [])] as const)
  return {
    namespaces: new Map(parts.map(([owner, { namespace }]) => [owner, namespace])),
    problems: parts.flatMap(([, { problems }]) => problems),
    shadowed: parts.flatMap(([, { shadowed }]) => shadowed)
  }
}

/** In order: a module's name or alias that an earlier module of its namespace has refuses it. */
export function assembleOwner (versions: readonly ModuleVersion[]): Assembled {
  const modules: ModuleVersion[] = []
  const byModule = new Map<string, ReadonlyMap<string, Api>>()
  const byApi = new Map<string, Api>()
  const problems: Problem[] = []
  const shadowed: Shadowed[] = []
  for (const module of versions) {
    const names = module.alias === undefined ? [module.name] : [module.name, module.alias]
    const taken = names.find(name => byModule.has(name))
    if (taken !== undefined) {
      problems.push(takenProblem(module, taken, modules.find(one => one.name === taken || one.alias === taken)))
      continue
    }
    const apis = apisOf(module)
    modules.push(module)
    for (const name of names) byModule.set(name, apis)
    // The platform's own take no name that an owner may want.
    for (const api of module.builtIn ? [] : apis.values()) {
      const first = byApi.get(api.name)
      if (first === undefined) byApi.set(api.name, api)
      else shadowed.push({ owner: module.owner, module: module.name, api: api.name, by: first.module.name })
    }
  }
  return { namespace: { modules, byModule, byApi }, problems, shadowed }
}

function takenProblem ({ owner, file }: ModuleVersion, name: string, other: ModuleVersion | undefined): Problem {
  const whose = other?.upload === undefined ? other?.file : `the uploaded module ${other.name}, as what is uploaded comes first`
  const message = `expected a name and an alias that no earlier module has; found ${JSON.stringify(name)}, which is that of ${whose}`
  return { code: 'FMS_ERR_NAME', owner, file, message }
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
