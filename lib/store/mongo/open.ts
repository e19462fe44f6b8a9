import fastifyMongodb from '@fastify/mongodb'
import type { mongodb } from '@fastify/mongodb'
import type { FastifyInstance } from 'fastify'
import { platformError } from '../../errors.ts'
import type { MongoSettings } from '../../installation.ts'
import { show } from '../../show.ts'
import { cannotOpen, SERVER_SELECTION_MS } from './failure.ts'
import { MongoStore } from './mongo.ts'

/** How the host's connections look: @fastify/mongodb puts named ones beside the default one. */
interface Connection { readonly client: mongodb.MongoClient }

/** Nodes on one server are many, and each asks little at once. */
const CONNECTIONS_MAX = 20

/**
 * A store in MongoDB: over the host's connection where `mongo` says so, which then stays open, else over one of our own.
 * The store is not opened yet; it closes the connection that was made for it, at the latest with the app.
 *
 * @throws `FMS_ERR_STORE`, within 5 s where there is no server.
 */
export async function openMongo (app: FastifyInstance, settings: MongoSettings): Promise<MongoStore> {
  const { database, collections, mongo } = settings
  if (mongo !== undefined) return new MongoStore({ client: ofHost(app, mongo), database, collections })
  const client = await connectMongo(app, settings)
  return new MongoStore({ client, database, collections, release: () => client.close() })
}

function ofHost (app: FastifyInstance, name: true | string): mongodb.MongoClient {
  const there = app.hasDecorator('mongo') ? app.getDecorator<Connection & Record<string, Connection>>('mongo') : undefined
  const client = (name === true ? there : there?.[name])?.client
  if (client !== undefined) return client
  const call = name === true ? 'app.register(fastifyMongodb, { url })' : `app.register(fastifyMongodb, { url, name: ${show(name)} })`
  throw platformError('FMS_ERR_STORE', `expected ${call} of @fastify/mongodb before this plugin, as option mongo says; found ${there === undefined ? 'no app.mongo' : `app.mongo without ${name === true ? 'a client' : show(name)}`}`)
}

/** A connection of our own, as the settings say; it closes with the app. @throws `FMS_ERR_STORE` */
export async function connectMongo (app: FastifyInstance, settings: MongoSettings): Promise<mongodb.MongoClient> {
  const url = settings.url ?? 'mongodb://127.0.0.1:27017'
  // The plugin decorates what it is given. A stand-in keeps it from the app, whose own app.mongo it would refuse, or add to; and
  // called, not registered, it fails here alone: Fastify would carry that on to the host.
  const standIn: { mongo?: Connection, decorate (name: 'mongo', value: Connection): void, addHook (name: 'onClose', run: () => Promise<void>): void } = {
    decorate (name, value) { this[name] = value },
    addHook (name, run) { app.addHook(name, run) }
  }
  try {
    await fastifyMongodb(standIn as unknown as FastifyInstance, {
      url, serverSelectionTimeoutMS: SERVER_SELECTION_MS, connectTimeoutMS: SERVER_SELECTION_MS, maxPoolSize: CONNECTIONS_MAX, appName: 'fastify-microservices', ...credentials(url, settings)
    })
    return standIn.mongo!.client
  } catch (error) {
    throw cannotOpen(error, `a MongoDB server at ${hostsOf(url)}`, settings)
  }
}

/** What the settings say and the URL does not. The driver lets options win over a URL, so what the URL says is left out. */
function credentials (url: string, { username, password, authSource, replicaSet, authMechanism }: MongoSettings): mongodb.MongoClientOptions {
  const [, userinfo, path, query = ''] = /^[^:]+:\/\/(?:([^@/]*)@)?[^/?]*(?:\/([^?]*))?(?:\?(.*))?$/.exec(url) ?? []
  const said = new Set([...new URLSearchParams(query).keys()].map(key => key.toLowerCase()))
  const user = userinfo === undefined && username !== undefined
  // As in every URL of MongoDB, its path names the database that knows its user.
  const source = userinfo === undefined ? user || authMechanism !== undefined : path === undefined || path === ''
  return {
    ...(user && { auth: { username, ...(password !== undefined && { password }) } }),
    ...(source && authSource !== undefined && !said.has('authsource') && { authSource }),
    ...(authMechanism !== undefined && !said.has('authmechanism') && { authMechanism: authMechanism as mongodb.AuthMechanism }),
    ...(replicaSet !== undefined && !said.has('replicaset') && { replicaSet })
  }
}

/** Of a URL that may be malformed, without its user and password. */
function hostsOf (url: string): string {
  return /^[^:]+:\/\/(?:.*@)?([^/?]*)/.exec(url)?.[1] || 'the host of MONGO_URL'
}
