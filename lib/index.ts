import { join } from 'node:path'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { MicroservicesOptions } from '../types/options.ts'
import type { Microservices } from '../types/plugin.ts'
import type { Store } from '../types/store.ts'
import { Catalog } from './catalog/catalog.ts'
import type { BuiltIn } from './catalog/built-in.ts'
import type { Workshop } from './catalog/guest.ts'
import { Deployer } from './deploy/deployer.ts'
import { Versions } from './deploy/versions.ts'
import { platformError } from './errors.ts'
import { listAll } from './http/directory.ts'
import { Gate } from './http/gate.ts'
import { addRoutes } from './http/routes.ts'
import { GuestRunner } from './invoke/guest.ts'
import { Invoker } from './invoke/invoke.ts'
import { createMask, type Mask, maskedLog } from './mask.ts'
import { moduleApi } from './modules/module-api.ts'
import { tenantApi } from './modules/tenant-api.ts'
import { readSettings, type Settings } from './options.ts'
import { Wall } from './sandbox/layers.ts'
import { Sandbox } from './sandbox/sandbox.ts'
import { Builder } from './sandbox/workshop/builder.ts'
import { Unpacker } from './sandbox/workshop/unpacker.ts'
import { chooseStore } from './store/choose.ts'
import { Logs } from './tenancy/logs.ts'
import { Registry } from './tenancy/registry.ts'
import { type Tenant, Tenants } from './tenancy/tenants.ts'
import { Once } from './tokens/once.ts'

const plugin: FastifyPluginAsync<MicroservicesOptions> = async (app, options) => {
  const settings = await readSettings(app, options)
  const prefix = app.prefix + settings.prefix
  const mask = createMask(settings.secrets)
  const opened: Array<() => unknown> = []
  // At once, so that whatever fails from here on is closed again; what was opened last goes first, and none stays open for another's failure.
  app.addHook('onClose', async () => {
    const failures: unknown[] = []
    for (const close of opened.reverse()) await (async () => close())().catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  })
  const logs = new Logs()
  // Before the server waits for answers to end: those to whoever reads along do not.
  app.addHook('preClose', async () => logs.close())
  const owners = needsOwners(settings) ? await openOwners(app, settings, mask, opened, logs) : undefined
  const guests = settings.multiTenant ? await openSandbox(app, settings, owners as Owners, opened) : undefined
  const versions = owners && new Versions({ ...owners, kept: settings.installation.versionsKept })
  const builtIns = owners && versions ? manage(settings, { ...owners, versions, logs, catalog: () => catalog }, opened) : []
  const catalog: Catalog = new Catalog(app, settings, mask, guests?.workshop, builtIns, versions)
  opened.push(() => catalog.close())
  const invoker = new Invoker(app, settings, mask, guests?.runner, logs)
  opened.push(() => invoker.close())
  register(app, {
    prefix,
    directory: () => listAll(catalog, settings, mask),
    refresh: () => catalog.refresh(),
    status: () => guests?.sandbox.status(),
    logs: owner => logs.entries(owner),
    at: other => find(app, other)
  })

  owners?.registry.onChange(uuids => catalog.ownersChanged(uuids))
  app.addHook('onReady', () => catalog.start())
  await catalog.load()
  const census = settings.multiTenant ? owners?.registry : undefined
  await app.register(async context => addRoutes(context, { catalog, invoker, census, gate: owners?.gate }), { prefix: settings.prefix })
}

interface Owners {
  readonly store: Store
  readonly registry: Registry
  readonly tenants: Tenants
  readonly once: Once
  readonly gate: Gate
}

/** Without tenants and without keys there is nothing to keep. */
function needsOwners ({ multiTenant, installation }: Settings): boolean {
  return multiTenant || installation.adminSecrets.length > 0
}

/** Who there is, in the store and in memory; and what asks for their tokens. */
async function openOwners (
  app: FastifyInstance, settings: Settings, mask: Mask | undefined, opened: Array<() => unknown>, logs: Logs
): Promise<Owners> {
  const { admins, configured, sandbox, installation } = settings
  const { tokens, sealed, tokenTtlSecs: ttlSecs, publicUrl } = installation
  const store = await chooseStore(app, installation.store)
  const registry = new Registry({ store, settings: { admins, configured, sandbox, ...installation }, log: maskedLog(app.log, mask) })
  opened.push(() => registry.close())
  await registry.open()
  const once = new Once(store)
  const gate = new Gate({ tokens, sealed, ttlSecs, publicUrl, key: kid => registry.key(kid), once })
  return { store, registry, tenants: new Tenants(registry, logs), once, gate }
}

interface Managed extends Owners {
  readonly versions: Versions
  readonly logs: Logs
  readonly catalog: () => Catalog
}

/** The platform's own modules; none where nobody has a key to begin with. */
function manage (
  { installation, multiTenant, production }: Settings, { registry, tenants, versions, once, logs, catalog }: Managed, opened: Array<() => unknown>
): BuiltIn[] {
  if (installation.adminSecrets.length === 0) return []
  // An archive is read, none of it is run: whether tenants' code may do with less of a wall was asked before.
  const unpacker = new Unpacker(() => Wall.detect({ weakened: true, production }))
  opened.push(() => unpacker.close())
  const deployer = new Deployer({ versions, registry, unpacker, once, settings: installation, catalog })
  const read = { entries: logs.entries.bind(logs), follow: tenants.follow.bind(tenants), manages: registry.manages.bind(registry) }
  const moduleApiExports = moduleApi({ deployer, logs: read, uploads: installation.uploads })
  return [
    ...multiTenant ? [{ name: 'tenant-api', exports: tenantApi(registry) }] : [],
    { name: 'module-api', tenants: true, exports: moduleApiExports }
  ]
}

/** Where tenants' modules are made, and where they run. */
async function openSandbox (app: FastifyInstance, settings: Settings, { registry, tenants }: Owners, opened: Array<() => unknown>) {
  const { sandbox: { weakened, memoryMb, imports }, production, dataDirectory } = settings
  const sandbox = await Sandbox.acquire({ weakened, production, memoryMb, log: app.log })
  opened.push(() => sandbox.release())
  const builder = new Builder({ wall: sandbox.wall, directory: join(dataDirectory, 'modules'), imports })
  opened.push(() => builder.close())
  const workshop: Workshop = {
    adminOf: owner => registry.adminOf(owner),
    build: source => builder.build({ ...source, ...tenants.find(source.owner) as Tenant }),
    retire: guest => sandbox.retire(guest)
  }
  return { sandbox, workshop, runner: new GuestRunner(sandbox, tenants, settings) }
}

/** By prefix. The first registration of an instance keeps the decorator; contexts within it share the registry. */
const registries = new WeakMap<Microservices, Map<string, Microservices>>()

function register (app: FastifyInstance, one: Microservices): void {
  if (!app.hasDecorator('microservices')) {
    app.decorate('microservices', one)
    registries.set(one, new Map())
  }
  const registry = registries.get(app.microservices)
  if (registry?.has(one.prefix)) {
    throw platformError('FMS_ERR_OPTIONS', `- prefix: expected one that no other registration has; found ${JSON.stringify(one.prefix)} a second time`)
  }
  registry?.set(one.prefix, one)
}

function find (app: FastifyInstance, prefix: string): Microservices {
  const registry = registries.get(app.microservices)
  const one = registry?.get(prefix.replace(/\/+$/, ''))
  if (one === undefined) throw platformError('FMS_ERR_PREFIX', prefix, [...registry?.keys() ?? []].join(', '))
  return one
}

/**
 * Serves the endpoints of plugin directories as REST routes of the app that it is registered on, and decorates it with
 * `app.microservices`.
 *
 * @throws `FMS_ERR_OPTIONS` with every problem of options and environment
 */
export const microservices = fastifyPlugin(plugin, { fastify: '5.x', name: 'fastify-microservices' })
export default microservices

export { assert, command, endpoint, fail } from './endpoint.ts'
export { verify } from './tokens/verify.ts'
export type { Context } from '../types/context.ts'
export type { DirectoryListing, EndpointListing, ModuleListing } from '../types/directory.ts'
export type { Args, CommandDescriptor, EndpointDescriptor, EndpointFunction, Handler, JsonSchema, Method, Returns } from '../types/endpoint.ts'
export type { Authorize, CallMatch, MicroservicesOptions } from '../types/options.ts'
export type { Microservices } from '../types/plugin.ts'
export type { Changes, NewOwner, NewVersion, OwnerChange, OwnerName, Store, StoredEntry, StoredKey, StoredOwner, StoredVersion, TokenUse } from '../types/store.ts'
export type { TokenKey, Verified, VerifyOptions } from './tokens/verify.ts'
export type { CellStatus, Layers, OwnerLogEntry, SandboxStatus } from '../types/status.ts'

declare module 'fastify' {
  interface FastifyInstance {
    microservices: Microservices
  }
}
