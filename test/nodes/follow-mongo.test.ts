import { join } from 'node:path'
import t from 'tap'
import { databaseName, type MongoServer, mongoServer, NO_SERVER } from '../mongo-server.ts'
import { tenantFiles, testFollowing } from './follow.ts'

const server = await mongoServer(t)

t.test('what one node does, another on the same MongoDB knows', { skip: server === undefined && NO_SERVER }, async t => {
  const { url } = server as MongoServer
  const directory = t.testdir({ tenants: tenantFiles })
  await testFollowing(t, {
    MONGO_URL: url, ADMIN_TABLE: databaseName(t, server as MongoServer), DATA_DIR: join(directory, 'data'), TENANTS_DIR: join(directory, 'tenants')
  })
})
