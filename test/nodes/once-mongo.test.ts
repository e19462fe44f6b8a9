import { join } from 'node:path'
import t from 'tap'
import { databaseName, type MongoServer, mongoServer, NO_SERVER } from '../mongo-server.ts'
import { files, testOnce, testRace } from './once.ts'

const server = await mongoServer(t)
const skip = server === undefined && NO_SERVER

t.test('a token is used once on nodes with one MongoDB', { skip }, async t => {
  const directory = t.testdir({ plugins: files })
  await testOnce(t, optionsOf(server as MongoServer, databaseName(t, server as MongoServer), directory))
})

t.test('three processes race for tokens on one MongoDB', { skip }, async t => {
  const directory = t.testdir({ plugins: files })
  await testRace(t, optionsOf(server as MongoServer, databaseName(t, server as MongoServer), directory), { nodes: 3, tokens: 100 })
})

function optionsOf ({ url }: MongoServer, database: string, directory: string) {
  return { MONGO_URL: url, ADMIN_TABLE: database, plugins: [join(directory, 'plugins')], DATA_DIR: join(directory, 'data') }
}
