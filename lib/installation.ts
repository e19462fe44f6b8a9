import { createHash } from 'node:crypto'
import type { MicroservicesOptions } from '../types/options.ts'
import type { Store } from '../types/store.ts'
import { entries } from './expected.ts'
import { type Limits, limitsWithin } from './limits.ts'
import { show } from './show.ts'

/** Where owners are kept: a file of ours, a MongoDB, or a store of the host's own. */
export type StoreSettings =
  | { readonly kind: 'sqlite', readonly directory: string }
  | { readonly kind: 'mongo', readonly mongo: MongoSettings }
  | { readonly kind: 'own', readonly store: Store }

export interface MongoSettings {
  readonly url?: string
  readonly username?: string
  readonly password?: string
  readonly authSource?: string
  readonly replicaSet?: string
  readonly authMechanism?: string
  /** The host's connection: its default one, or by name. */
  readonly mongo?: true | string
  readonly database: string
  readonly collections: { readonly admin: string, readonly tenant: string, readonly environ: string }
}

/** What makes the owners of one database: keys, tokens, plans, and where all of it is kept. */
export interface Installation {
  /** In the order of ADMIN_ID, as base64url. */
  readonly adminSecrets: readonly string[]
  /** The first encrypts. */
  readonly secretsKeys: readonly string[]
  readonly tokens: 'off' | 'optional' | 'required'
  readonly tokenTtlSecs: number
  readonly sealed: 'off' | 'optional' | 'required'
  readonly uploads: 'off' | 'on' | 'sealed'
  /** Of an uploaded module. */
  readonly versionsKept: number
  /** Without a slash at its end. */
  readonly publicUrl: string | undefined
  readonly staleSecs: number
  /** Within the installation's limits. */
  readonly plans: ReadonlyMap<string, Partial<Limits>>
  readonly store: StoreSettings
}

/** 32 bytes as base64url, without padding. */
const keyPattern = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

/** What MongoDB allows in names of databases and collections is also free of surprises. */
export const mongoNamePattern = /^[A-Za-z0-9_-]{1,60}$/

/** Puts the settings of keys, tokens, plans and the store in the form that the rooms use; says what is wrong with them. No secret is quoted. */
export function readInstallation (
  values: MicroservicesOptions, { admins, limits, dataDirectory }: { admins: readonly string[], limits: Limits, dataDirectory: string }, problems: string[]
): Installation {
  const adminSecrets = readKeys('ADMIN_SECRET', values.ADMIN_SECRET, problems)
  const secretsKeys = readKeys('SECRETS_KEY', values.SECRETS_KEY, problems)
  if (adminSecrets.length > Math.max(admins.length, 1)) {
    problems.push(`ADMIN_SECRET: expected at most one key for each UUID of ADMIN_ID, in its order; found ${adminSecrets.length} for ${admins.length}`)
  }
  if (values.MULTI_TENANT && adminSecrets.length > 0 && secretsKeys.length === 0) {
    problems.push('SECRETS_KEY: expected 32 random bytes as base64url, since ADMIN_SECRET lets keys of tenants be made, which are encrypted in the store; found none')
  }
  if (!values.MULTI_TENANT && values.TOKENS === 'required' && adminSecrets.length === 0) {
    problems.push('TOKENS: expected ADMIN_SECRET beside "required", since nobody can make a token without a key; found none')
  }
  if (values.SEALED === 'required' && values.TOKENS === 'off') {
    problems.push('SEALED: expected TOKENS beside "required", since a call is sealed under the key of its token; found TOKENS off')
  }
  return {
    adminSecrets,
    secretsKeys,
    tokens: values.TOKENS ?? 'optional',
    tokenTtlSecs: values.TOKEN_TTL_SECS ?? 60,
    sealed: values.SEALED ?? 'optional',
    uploads: values.UPLOADS ?? 'on',
    versionsKept: values.versionsKept ?? 10,
    publicUrl: readPublicUrl(values.PUBLIC_URL, problems),
    staleSecs: values.STALE_SECS ?? 300,
    plans: new Map(Object.entries(values.plans ?? {}).map(([name, plan]) => [name, limitsWithin(limits, plan)])),
    store: readStore(values, dataDirectory, problems)
  }
}

function readKeys (name: string, value: string | readonly string[] | undefined, problems: string[]): string[] {
  const keys = entries(value ?? '', /[\s,]+/)
  for (const key of keys) {
    if (!keyPattern.test(key)) problems.push(`${name}: expected 32 random bytes as 43 characters of base64url (node -p "crypto.randomBytes(32).toString('base64url')"); found ${key.length} characters`)
  }
  const digests = new Set(keys.map(key => createHash('sha256').update(key).digest('hex')))
  if (digests.size < keys.length) problems.push(`${name}: expected keys that differ; found one twice`)
  return keys
}

function readPublicUrl (value: string | undefined, problems: string[]): string | undefined {
  if (value === undefined) return undefined
  const url = URL.parse(value)
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '' || url.username !== '') {
    problems.push(`PUBLIC_URL: expected how clients reach the app, as https://api.example.com, without query or user; found ${show(value)}`)
    return undefined
  }
  return url.href.replace(/\/+$/, '')
}

function readStore (values: MicroservicesOptions, dataDirectory: string, problems: string[]): StoreSettings {
  const { store, mongo, MONGO_URL: url } = values
  if (store !== undefined && mongo !== undefined && mongo !== false) problems.push('store: expected either a store or a connection of MongoDB; found options store and mongo')
  if (store !== undefined) {
    const missing = storeMethods.filter(name => typeof (store as unknown as Record<string, unknown>)[name] !== 'function')
    if (missing.length > 0) problems.push(`store: expected an object with all methods of a store; found none named ${missing.join(', ')}`)
    return { kind: 'own', store }
  }
  if (mongo === undefined || mongo === false) {
    if (url === undefined) return { kind: 'sqlite', directory: dataDirectory }
    if (!/^mongodb(\+srv)?:\/\//.test(url)) problems.push('MONGO_URL: expected a URL that begins with mongodb:// or mongodb+srv://; found another')
  }
  return { kind: 'mongo', mongo: readMongo(values, problems) }
}

function readMongo (values: MicroservicesOptions, problems: string[]): MongoSettings {
  const names = { ADMIN_TABLE: values.ADMIN_TABLE, ADMIN_COL: values.ADMIN_COL, TENANT_COL: values.TENANT_COL, ENVIRON_COL: values.ENVIRON_COL }
  for (const [name, value] of Object.entries(names)) {
    if (!mongoNamePattern.test(value ?? '')) problems.push(`${name}: expected a name of letters, digits, "-" and "_", 60 at most; found ${show(value)}`)
  }
  const { ADMIN_COL: admin = '', TENANT_COL: tenant = '', ENVIRON_COL: environ = '' } = values
  if (new Set([admin, tenant, environ]).size < 3) problems.push('ADMIN_COL, TENANT_COL, ENVIRON_COL: expected three names; found one twice')
  const { mongo, MONGO_URL: url, MONGO_INITDB_ROOT_USERNAME: username, MONGO_INITDB_ROOT_PASSWORD: password } = values
  const { MONGO_INITDB_DATABASE: authSource, MONGO_REPLICA_SET_NAME: replicaSet, MONGO_AUTH_MECHANISM: authMechanism } = values
  return {
    ...(mongo !== undefined && mongo !== false ? { mongo } : url !== undefined && { url }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(authSource !== undefined && { authSource }),
    ...(replicaSet !== undefined && { replicaSet }),
    ...(authMechanism !== undefined && { authMechanism }),
    database: values.ADMIN_TABLE ?? '',
    collections: { admin, tenant, environ }
  }
}

const storeMethods: ReadonlyArray<keyof Store> = [
  'open', 'close', 'probe', 'changes', 'addOwner', 'updateOwner', 'removeOwner', 'addKey', 'removeKey', 'setEntries', 'reseal', 'consume',
  'addVersion', 'versions', 'content', 'activate', 'removeVersion'
]
