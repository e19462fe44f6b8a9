import type { mongodb } from '@fastify/mongodb'
import { messageOf } from '../../errors.ts'
import type { MongoSettings } from '../../installation.ts'
import { refuse } from './refusal.ts'

/** Settings of a `.env` by which an installation reaches its own database. */
export interface DatabaseSettings {
  readonly MONGO_URL: string
  readonly ADMIN_TABLE: string
  readonly MONGO_REPLICA_SET_NAME?: string
  readonly MONGO_INITDB_ROOT_USERNAME?: string
  readonly MONGO_INITDB_ROOT_PASSWORD?: string
  readonly MONGO_INITDB_DATABASE?: string
}

export interface DatabaseUser {
  readonly name: string
  readonly password: string
}

// The server's error codes: https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
const UNAUTHORIZED = 13
const COMMAND_NOT_FOUND = 59
const NOT_IMPLEMENTED = 238
const USER_EXISTS = 51_003

/** An election, and a slow line. */
const ANSWER_MS = 30_000

/** Options of a URL that say who connects, or with what; in lower case. */
const credentialOptions: ReadonlySet<string> = new Set(['authsource', 'authmechanism', 'authmechanismproperties', 'tlscertificatekeyfile', 'tlscertificatekeyfilepassword'])

/** A name of 60 characters at most: what is before is cut. */
export function databaseNameFor (tenant: string, { database }: MongoSettings): string {
  return `${database.slice(0, 27)}_${tenant.replaceAll('-', '')}`
}

/** @throws {CommandError} where the database is in use: by whom, cannot be told */
export async function checkDatabase (client: mongodb.MongoClient, database: string): Promise<void> {
  const found = await client.db(database).listCollections({}, { nameOnly: true, timeoutMS: ANSWER_MS }).toArray()
    .catch(error => refuse(`MongoDB: expected to be allowed to look at the new database "${database}"; found: ${messageOf(error)}; ${ROOT_ADVICE}`))
  if (found.length > 0) refuse(`--mongo-database: expected a database that is empty; found "${database}", which has ${found.length} collections: name another`)
}

/**
 * Makes the database's own user, which may read and write there and nowhere else; one that an earlier run made gets this
 * password.
 *
 * @returns false where the server has no users
 * @throws {CommandError} where it has, but none can be made
 */
export async function makeUser (client: mongodb.MongoClient, database: string, { name, password }: DatabaseUser): Promise<boolean> {
  const roles = [{ role: 'readWrite', db: database }]
  const command = (kind: 'createUser' | 'updateUser'): Promise<unknown> =>
    client.db(database).command({ [kind]: name, pwd: password, roles, writeConcern: { w: 'majority' } }, { timeoutMS: ANSWER_MS })
  try {
    await command('createUser').catch(error => {
      if (codeOf(error) !== USER_EXISTS) throw error
      return command('updateUser')
    })
    return true
  } catch (error) {
    if (codeOf(error) === COMMAND_NOT_FOUND || codeOf(error) === NOT_IMPLEMENTED) return false
    const advice = codeOf(error) === UNAUTHORIZED ? ROOT_ADVICE : 'make sure that this server lets its users be made by the command createUser'
    return refuse(`MongoDB: expected to make user "${name}" of database "${database}"; found: ${messageOf(error)}; ${advice}`)
  }
}

const ROOT_ADVICE = 'for this command, set MONGO_INITDB_ROOT_USERNAME, MONGO_INITDB_ROOT_PASSWORD and MONGO_INITDB_DATABASE to those of a user who may make users (role userAdminAnyDatabase)'

/** What the new installation connects with: the server of the old one, and none of its credentials. */
export function databaseSettings ({ url, replicaSet }: MongoSettings, database: string, user?: DatabaseUser): DatabaseSettings {
  return {
    MONGO_URL: withoutCredentials(url ?? ''),
    ...replicaSet !== undefined && { MONGO_REPLICA_SET_NAME: replicaSet },
    ...user && { MONGO_INITDB_ROOT_USERNAME: user.name, MONGO_INITDB_ROOT_PASSWORD: user.password, MONGO_INITDB_DATABASE: database },
    ADMIN_TABLE: database
  }
}

/** Whether whoever connects by these settings says who it is. */
export function hasCredentials ({ url = '', username, authMechanism }: MongoSettings): boolean {
  return username !== undefined || authMechanism !== undefined || /^[^:]+:\/\/[^/?]*@/.test(url)
}

/** Its path goes too: it says which database knows the user. */
function withoutCredentials (url: string): string {
  const [, scheme = '', hosts = '', query = ''] = /^([^:]+:\/\/)(?:[^/?]*@)?([^/?]*)(?:\/[^?]*)?(?:\?(.*))?$/.exec(url) ?? []
  const kept = query.split('&').filter(option => option !== '' && !credentialOptions.has(option.split('=')[0]!.toLowerCase()))
  return `${scheme}${hosts}/${kept.length > 0 ? `?${kept.join('&')}` : ''}`
}

function codeOf (error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
