import type { DirectoryListing, EndpointListing, ModuleListing } from '../../types/directory.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Endpoint } from '../describe/describe.ts'
import type { ModuleVersion } from '../catalog/module.ts'
import type { Namespace } from '../catalog/snapshot.ts'
import { type Mask, maskValue } from '../mask.ts'
import type { Settings } from '../options.ts'

/** What gives the answer of `__dir__` (all modules of an owner) and `<module>/__dir__`, or undefined for any other path. */
export function listPath (namespace: Namespace | undefined, segments: readonly string[], mask: Mask | undefined): (() => unknown) | undefined {
  if (segments.at(-1) !== '__dir__' || segments.length > 2 || namespace === undefined) return undefined
  const [name] = segments
  if (segments.length === 1) return () => masked({ modules: namespace.modules.map(listModule) }, mask)
  const module = namespace.modules.find(one => one.name === name || one.alias === name)
  return module && (() => masked(listModule(module), mask))
}

/** All that is served and all that is not, of the owners that are asked for. */
export function listAll (catalog: Catalog, settings: Settings, mask: Mask | undefined, isAsked: (owner: string) => boolean = () => true): DirectoryListing {
  const of = <T extends { readonly owner: string }>(items: readonly T[]): T[] => items.filter(({ owner }) => isAsked(owner))
  const modules = of(catalog.modules)
  return masked({
    directories: of(settings.directories).map(({ owner, path }) => ({ owner, path })),
    modules: modules.map(module => ({ owner: module.owner, file: module.file, ...listModule(module) })),
    problems: of(catalog.problems),
    shadowed: of(catalog.shadowed)
  }, mask)
}

function listModule ({ name, alias, version, endpoints, functions }: ModuleVersion): ModuleListing {
  return { name, ...(alias !== undefined && { alias }), version, endpoints: endpoints.map(listEndpoint), functions }
}

function listEndpoint ({ api, function: name, methods, params, args, returns, documentation }: Endpoint): EndpointListing {
  return {
    api,
    function: name,
    methods,
    ...(params && { params }),
    ...(args && { args }),
    ...(returns && { returns }),
    ...documentation
  }
}

function masked<T> (listing: T, mask: Mask | undefined): T {
  return mask === undefined ? listing : maskValue(listing, mask) as T
}
