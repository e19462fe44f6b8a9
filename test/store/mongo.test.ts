import { MongoClient } from 'mongodb'
import t from 'tap'
import { storeContract } from '../../lib/store/contract/contract.ts'
import { MongoStore } from '../../lib/store/mongo/mongo.ts'
import { databaseName, mongoServer, NO_SERVER } from '../mongo-server.ts'

const collections = { admin: 'ADMIN', tenant: 'TENANT', environ: 'ENVIRON' }
const server = await mongoServer(t)

// Each store has a client of its own, as another node would.
t.test('MongoDB keeps the contract of stores', { skip: server === undefined && NO_SERVER }, async t => {
  const { url } = server!
  // Most of the time is the server's.
  t.jobs = 4
  storeContract({
    test: (name, run) => t.test(name, { buffered: true }, run),
    create: async () => {
      const database = databaseName(t, server!)
      const open = async (): Promise<MongoStore> => {
        const client = await new MongoClient(url).connect()
        const store = new MongoStore({ client, database, collections, release: () => client.close() })
        await store.open()
        return store
      }
      return { store: await open(), again: open, remove: async () => {} }
    }
  })
})
