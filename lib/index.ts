import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { MicroservicesOptions } from '../types/options.ts'
import type { Microservices } from '../types/plugin.ts'
import { Catalog } from './catalog/catalog.ts'
import { platformError } from './errors.ts'
import { listAll } from './http/directory.ts'
import { addRoutes } from './http/routes.ts'
import { Invoker } from './invoke/invoke.ts'
import { createMask } from './mask.ts'
import { readSettings } from './options.ts'

const plugin: FastifyPluginAsync<MicroservicesOptions> = async (app, options) => {
  const settings = await readSettings(app, options)
  const prefix = app.prefix + settings.prefix
  const mask = createMask(settings.secrets)
  const catalog = new Catalog(app, settings, mask)
  const invoker = new Invoker(app, settings, mask)
  register(app, {
    prefix,
    directory: () => listAll(catalog, settings, mask),
    refresh: () => catalog.refresh(),
    at: other => find(app, other)
  })

  // Before anything is opened, so that whatever fails from here on is closed again.
  app.addHook('onClose', async () => {
    await invoker.close()
    await catalog.close()
  })
  app.addHook('onReady', () => catalog.start())
  await catalog.refresh()
  await app.register(async context => addRoutes(context, catalog, invoker), { prefix: settings.prefix })
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

declare module 'fastify' {
  interface FastifyInstance {
    microservices: Microservices
  }
}
