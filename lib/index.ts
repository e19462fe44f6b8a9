import { join } from 'node:path'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { MicroservicesOptions } from '../types/options.ts'
import type { Microservices } from '../types/plugin.ts'
import { Catalog } from './catalog/catalog.ts'
import type { Workshop } from './catalog/guest.ts'
import { platformError } from './errors.ts'
import { listAll } from './http/directory.ts'
import { addRoutes } from './http/routes.ts'
import { GuestRunner } from './invoke/guest.ts'
import { Invoker } from './invoke/invoke.ts'
import { createMask } from './mask.ts'
import { readSettings, type Settings } from './options.ts'
import { Builder } from './sandbox/workshop/builder.ts'
import { Sandbox } from './sandbox/sandbox.ts'
import { type Tenant, Tenants } from './tenancy/tenants.ts'

const plugin: FastifyPluginAsync<MicroservicesOptions> = async (app, options) => {
  const settings = await readSettings(app, options)
  const prefix = app.prefix + settings.prefix
  const mask = createMask(settings.secrets)
  const tenants = new Tenants(settings.sandbox)
  const guests = settings.multiTenant ? await openSandbox(app, settings, tenants) : undefined
  const catalog = new Catalog(app, settings, mask, guests?.workshop)
  const invoker = new Invoker(app, settings, mask, guests && new GuestRunner(guests.sandbox, tenants, settings))
  // At once, so that whatever fails from here on is closed again.
  app.addHook('onClose', async () => {
    await invoker.close()
    await catalog.close()
    await guests?.close()
  })
  register(app, {
    prefix,
    directory: () => listAll(catalog, settings, mask),
    refresh: () => catalog.refresh(),
    status: () => guests?.sandbox.status(),
    logs: owner => tenants.entries(owner),
    at: other => find(app, other)
  })

  app.addHook('onReady', () => catalog.start())
  await catalog.load()
  await app.register(async context => addRoutes(context, catalog, invoker), { prefix: settings.prefix })
}

/** Where tenants' modules are made, and where they run. */
async function openSandbox (app: FastifyInstance, settings: Settings, tenants: Tenants) {
  const { sandbox: { weakened, memoryMb, imports }, production, dataDirectory } = settings
  const sandbox = await Sandbox.acquire({ weakened, production, memoryMb, log: app.log })
  try {
    const builder = new Builder({ wall: sandbox.wall, directory: join(dataDirectory, 'modules'), imports })
    const workshop: Workshop = {
      assign: admins => tenants.assign(admins),
      build: source => builder.build({ ...source, ...tenants.find(source.owner) as Tenant }),
      retire: guest => sandbox.retire(guest)
    }
    const close = async (): Promise<void> => {
      await builder.close()
      await sandbox.release()
    }
    return { sandbox, workshop, close }
  } catch (error) {
    await sandbox.release()
    throw error
  }
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
export type { Context } from '../types/context.ts'
export type { DirectoryListing, EndpointListing, ModuleListing } from '../types/directory.ts'
export type { Args, CommandDescriptor, EndpointDescriptor, EndpointFunction, Handler, JsonSchema, Method, Returns } from '../types/endpoint.ts'
export type { Authorize, CallMatch, MicroservicesOptions } from '../types/options.ts'
export type { Microservices } from '../types/plugin.ts'
export type { CellStatus, Layers, OwnerLogEntry, SandboxStatus } from '../types/status.ts'

declare module 'fastify' {
  interface FastifyInstance {
    microservices: Microservices
  }
}
