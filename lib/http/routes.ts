import type { FastifyInstance, FastifySchema, HTTPMethods, RouteOptions } from 'fastify'
import type { Problem } from '../../types/directory.ts'
import type { Endpoint } from '../describe/describe.ts'
import { type Api, forms, type Snapshot } from '../catalog/snapshot.ts'
import { callKey } from './call.ts'
import { Hooks } from './hooks.ts'
import { Matcher, type Rooms } from './match.ts'
import { addJsonParser } from './parser.ts'
import { pathReading } from './path.ts'
import { addSealing } from './sealed.ts'
import { takeUploads } from './uploads.ts'

/** Fastify reads no body of these, so their arguments are documented as a query. */
const bodyless: ReadonlySet<string> = new Set(['GET', 'HEAD'])
const methods: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH']

/**
 * Makes Fastify routes of the endpoints that are known now, one per URL form, so that other plugins see them; and a
 * catch-all for those that come later. All lead through the same hooks, which ask the snapshot of the moment.
 *
 * @param context a child context of the host's with our prefix
 */
export function addRoutes (context: FastifyInstance, rooms: Rooms): void {
  const match = new Matcher(rooms, context)
  const { catalog, gate, invoker: { settings: { multiTenant, installation } } } = rooms
  const parse = addJsonParser(context)
  if (gate !== undefined && gate.sealed !== 'off') addSealing(context, gate, parse)
  context.decorateRequest(callKey, null)
  const configKeys = new Map<string, string>()
  const { add, addAll } = routesOf(context, rooms, match, configKeys)
  addAll(context, api => !isUpload(api))
  add(context, '/*', methods, { schema: undocumented(), onRequest: match.below('', '') })
  if (gate !== undefined && installation.uploads !== 'off') {
    context.register(async uploads => {
      takeUploads(uploads)
      addAll(uploads, isUpload)
      // Tenants' own.
      if (multiTenant) add(uploads, '/:owner/module-api/upload/*', ['POST'], { schema: undocumented(), onRequest: match.below('', '') })
    })
  }
  catalog.auditWith(snapshot => restartProblems(snapshot, configKeys))
}

/**
 * What makes routes, in the context or in one within it.
 *
 * @param configKeys takes what the config of each route is, by method and path
 */
function routesOf (context: FastifyInstance, rooms: Rooms, match: Matcher, configKeys: Map<string, string>) {
  const hooks = new Hooks(rooms)
  const { catalog, invoker: { settings } } = rooms
  const isCaseSensitive = pathReading(context).caseSensitive
  const common = {
    handler: hooks.handle,
    // The schema of a route is documentation: what is checked is what `__map__` made of the request.
    validatorCompiler: () => () => true,
    serializerCompiler: () => JSON.stringify,
    exposeHeadRoute: false
  } satisfies Partial<RouteOptions>

  const add = (target: FastifyInstance, url: string, methods: HTTPMethods[], route: Pick<RouteOptions, 'config' | 'schema' | 'onRequest'>): HTTPMethods[] => {
    // A route of the host's stays the host's.
    const free = methods.filter(method => !context.hasRoute({ method, url: context.prefix + url }))
    if (free.length > 0) target.route({ ...common, ...route, ...guards(hooks, rooms), method: free, url })
    return free
  }
  const addEndpoint = (target: FastifyInstance, path: string, endpoint: Endpoint, methods: HTTPMethods[]): void => {
    const { config, configKey } = endpoint
    const schema = documentation(endpoint, bodyless.has(methods[0] as string), settings.envelope)
    const added = add(target, `/${path}`, methods, { config, schema, onRequest: match.path(path, configKey) })
    // Elsewhere the catch-all serves what has slugs: a second route each would take a quarter more time and memory at the start.
    if (endpoint.params !== undefined || configKey !== '' || !isCaseSensitive) {
      add(target, `/${path}/*`, methods, { config, schema: undocumented(), onRequest: match.below(path, configKey) })
    }
    for (const method of added) configKeys.set(`${method} ${path}`, configKey)
  }
  const addAll = (target: FastifyInstance, takes: (api: Api) => boolean): void => {
    for (const { path, api } of allForms(catalog.snapshot)) {
      if (takes(api)) for (const [endpoint, methods] of byEndpoint(api)) addEndpoint(target, path, endpoint, methods)
    }
  }
  return { add, addAll }
}

/** The one endpoint of ours that takes bytes of any type. */
function isUpload ({ module, name }: Api): boolean {
  return module.builtIn && module.name === 'module-api' && name === 'upload'
}

/** Made anew for each route: a plugin that adds a hook of its own to a route adds it to these arrays. */
function guards (hooks: Hooks, { gate, invoker: { settings } }: Rooms): Pick<RouteOptions, 'preParsing' | 'preHandler' | 'onError'> {
  return {
    ...gate && { preParsing: [hooks.digest] },
    preHandler: [...gate ? [hooks.consume] : [], ...settings.authorize ? [hooks.authorize] : [], hooks.arguments],
    onError: [hooks.failed]
  }
}

/** All URL forms of trusted modules below the prefix, that is, with the owner where URLs carry one. Tenants' have no routes: there may be any number. */
function * allForms ({ namespaces }: Snapshot): Generator<{ path: string, api: Api }> {
  for (const [owner, namespace] of namespaces) {
    if (namespace.modules[0]?.guest !== undefined) continue
    for (const { path, api } of forms(namespace)) yield { path: owner === '' ? path : `${owner}/${path}`, api }
  }
}

/** An api's endpoints with their methods; twice for one that answers methods with and without a body, documented differently. */
function byEndpoint ({ byMethod }: Api): Array<[Endpoint, HTTPMethods[]]> {
  const groups = Map.groupBy(byMethod.keys() as Iterable<HTTPMethods>, method => byMethod.get(method) as Endpoint)
  return [...groups].flatMap(([endpoint, methods]): Array<[Endpoint, HTTPMethods[]]> => {
    const { without = [], withBody = [] } = Object.groupBy(methods, method => bodyless.has(method) ? 'without' : 'withBody')
    return [without, withBody].filter(group => group.length > 0).map(group => [endpoint, group])
  })
}

/** Endpoints whose `config` is not that of the route at their place, which is as old as the app. */
function restartProblems (snapshot: Snapshot, configKeys: ReadonlyMap<string, string>): Problem[] {
  const problems = new Map<Endpoint, Problem>()
  for (const { path, api } of allForms(snapshot)) {
    for (const [method, endpoint] of api.byMethod) {
      if (endpoint.configKey === '' || endpoint.configKey === configKeys.get(`${method} ${path}`)) continue
      problems.set(endpoint, {
        code: 'FMS_ERR_RESTART',
        owner: api.module.owner,
        file: api.module.file,
        endpoint: endpoint.function,
        field: 'config',
        message: `${endpoint.function}: config: expected that of the app's start, since a route takes it once; found another; restart the app to have ${method} /${path} served`
      })
    }
  }
  return [...problems.values()]
}

/** Beside the route of an endpoint's own path, those with slugs would only repeat it. */
function undocumented (): FastifySchema {
  return { hide: true } as FastifySchema
}

function documentation ({ documentation, args, returns }: Endpoint, isBodyless: boolean, envelope: boolean): FastifySchema {
  const result = envelope && returns
    ? { type: 'object', properties: { status: { type: 'string' }, response: returns } }
    : returns
  return {
    ...documentation,
    ...(args && { [isBodyless ? 'querystring' : 'body']: args }),
    ...(result && { response: { 200: result } })
  } as FastifySchema
}
