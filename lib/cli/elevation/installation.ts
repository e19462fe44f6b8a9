import Fastify, { type FastifyInstance } from 'fastify'
import type { MicroservicesOptions } from '../../../types/options.ts'
import type { Store, StoredOwner } from '../../../types/store.ts'
import { readSettings, type Settings } from '../../options.ts'
import { chooseStore } from '../../store/choose.ts'
import { Registry } from '../../tenancy/registry.ts'

/** An installation's settings and owners, as its app has them, without one that serves. */
export interface Installation {
  readonly settings: Settings
  readonly registry: Registry
  /** What is written of versions goes past the registry. */
  readonly store: Store
  /** Connections that are made for it end with the rest. */
  readonly app: FastifyInstance
  close (): Promise<void>
}

/**
 * Opens an installation beside the nodes that may be running.
 *
 * @param check sees the settings before the store is opened, which would make one where there is none
 * @throws what the start of its app would throw
 */
export async function openInstallation (options: MicroservicesOptions, check: (settings: Settings) => unknown = () => {}): Promise<Installation> {
  // Never ready: it lends its log, which is silent, and ends connections.
  const app = Fastify()
  let registry: Registry | undefined
  const close = async (): Promise<void> => {
    await registry?.close()
    await app.close()
  }
  try {
    const settings = await readSettings(app, options)
    await check(settings)
    const { admins, configured, sandbox, installation } = settings
    const store = await chooseStore(app, installation.store)
    registry = new Registry({ store, settings: { admins, configured, sandbox, ...installation }, log: app.log })
    await registry.open()
    return { settings, registry, store, app, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** What the store has of an owner now; nothing of one that only the settings name. */
export async function recordOf (store: Store, uuid: string): Promise<StoredOwner | undefined> {
  const { owners } = await store.changes()
  return owners.find(owner => owner.uuid === uuid)
}
