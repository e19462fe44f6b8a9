import { join } from 'node:path'
import t from 'tap'
import { databaseName, type MongoServer, mongoServer, NO_SERVER } from '../mongo-server.ts'
import { testUploads } from './uploads.ts'

const server = await mongoServer(t)

t.test('what is uploaded to one node, another on the same MongoDB serves', { skip: server === undefined && NO_SERVER }, async t => {
  await testUploads(t, { MONGO_URL: (server as MongoServer).url, ADMIN_TABLE: databaseName(t, server as MongoServer), DATA_DIR: join(t.testdir({}), 'data') })
})
