import t from 'tap'
import { type MongoServer, mongoServer, NO_SERVER } from '../mongo-server.ts'
import { loseMongo } from './lose-mongo.ts'

const server = await mongoServer(t)

t.test('a node that loses its MongoDB: connections end', { skip: server === undefined && NO_SERVER }, t => loseMongo(t, server as MongoServer, 'cut'))
