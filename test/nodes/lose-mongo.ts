import { join } from 'node:path'
import type { Test } from 'tap'
import { mongoProxy } from '../mongo-proxy.ts'
import { databaseName, type MongoServer } from '../mongo-server.ts'
import { testAway } from './away.ts'
import { tenantFiles } from './follow.ts'

/** Of the driver, by the URL. */
const SELECTION_MS = 1_000

/** `cut`: connections end. `freeze`: nothing comes through any more. */
export async function loseMongo (t: Test, server: MongoServer, how: 'cut' | 'freeze'): Promise<void> {
  const directory = t.testdir({ tenants: tenantFiles })
  const proxy = await mongoProxy(t, server.url)
  const kept = {
    MONGO_URL: server.url, ADMIN_TABLE: databaseName(t, server), DATA_DIR: join(directory, 'data'), TENANTS_DIR: join(directory, 'tenants')
  }
  await testAway(t, {
    options: { ...kept, MONGO_URL: `${proxy.url}?serverSelectionTimeoutMS=${SELECTION_MS}` },
    kept,
    cut: async () => proxy[how](),
    restore: async () => proxy.restore()
  })
}
