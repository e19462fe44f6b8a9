import type { FastifyInstance } from 'fastify'
import type { Store } from '../../types/store.ts'
import type { StoreSettings } from '../installation.ts'

/** The store that the settings name, not opened yet. Who has no MongoDB does not load its driver. */
export async function chooseStore (app: FastifyInstance, settings: StoreSettings): Promise<Store> {
  switch (settings.kind) {
    case 'own':
      return settings.store
    case 'sqlite': {
      const { SqliteStore } = await import('./sqlite/sqlite.ts')
      return new SqliteStore(settings)
    }
    case 'mongo': {
      const { openMongo } = await import('./mongo/open.ts')
      return await openMongo(app, settings.mongo)
    }
  }
}
