import { type Static, Type } from '@sinclair/typebox'
import type { Authorize } from '../types/options.ts'
import type { Store } from '../types/store.ts'
import { planSchema, sandboxSchema, tenantSchema } from './tenants.ts'

const texts = Type.Unsafe<readonly string[]>(Type.Array(Type.String()))
const list = Type.Union([Type.String(), texts])
/** Never quoted in a message. */
const secrets = Type.Union([Type.String(), texts], { writeOnly: true })

/** Settings that come from options, else from the environment: one name in both. */
export const environmentSettings = {
  /** Plugin directories in order, separated like PATH or as an array; `.` is `./plugins`, `<uuid>=<dir>` names its owner. */
  plugins: Type.Optional(list),
  /** How many slugs a URL may carry. Node takes 16 KB of request line and headers, which more slugs would not fit in. */
  NUM_URL_PARMS: Type.Optional(Type.Integer({ minimum: 0, maximum: 8192, default: 10 })),
  /** UUIDs of the admins; the first owns directories that name no owner. */
  ADMIN_ID: Type.Optional(list),
  /** URLs carry the owner's UUID. Needs ADMIN_ID. */
  MULTI_TENANT: Type.Optional(Type.Boolean({ default: false })),
  /** Directory that holds one folder per tenant, named by UUID. Needs MULTI_TENANT. */
  TENANTS_DIR: Type.Optional(Type.String()),
  /** Where the platform keeps what it writes: the embedded store, and what tenants' modules were built to. */
  DATA_DIR: Type.Optional(Type.String({ default: './data' })),
  /** Seconds that a command, or a tenant's function, may take. */
  MAX_FUNCTION_SECS: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 86_400, default: 30 })),
  /** Names of environment variables whose values are masked in logs, listings and errors. */
  SECRETS: Type.Optional(list),
  /** The admins' first manage keys, in the order of ADMIN_ID: 32 random bytes each, as base64url. Without, management is closed. */
  ADMIN_SECRET: Type.Optional(secrets),
  /** What encrypts secrets in the store: 32 random bytes as base64url. Of several, the first encrypts, and all decrypt. */
  SECRETS_KEY: Type.Optional(secrets),
  /** Whether calls need a single-use token. Management always does. */
  TOKENS: Type.Optional(Type.Union([Type.Literal('off'), Type.Literal('optional'), Type.Literal('required')], { default: 'optional' })),
  /** Seconds that a token may live. */
  TOKEN_TTL_SECS: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_600, default: 60 })),
  /** How clients reach the app, for the URL that a token names. Default: what the request says. */
  PUBLIC_URL: Type.Optional(Type.String()),
  /** Whether modules may be uploaded: not at all, as they are or sealed, or sealed only. An admin's are only ever taken sealed. */
  UPLOADS: Type.Optional(Type.Union([Type.Literal('off'), Type.Literal('on'), Type.Literal('sealed')], { default: 'on' })),
  /** Whether calls may, or must, be sealed: their payloads and their answers encrypted under the key of their token. */
  SEALED: Type.Optional(Type.Union([Type.Literal('off'), Type.Literal('optional'), Type.Literal('required')], { default: 'optional' })),
  /** Seconds that tenants are served from memory while the store is out of reach. */
  STALE_SECS: Type.Optional(Type.Number({ minimum: 1, maximum: 86_400, default: 300 })),
  /** A MongoDB server in place of the embedded store. */
  MONGO_URL: Type.Optional(Type.String({ writeOnly: true })),
  MONGO_INITDB_ROOT_USERNAME: Type.Optional(Type.String()),
  MONGO_INITDB_ROOT_PASSWORD: Type.Optional(Type.String({ writeOnly: true })),
  /** The database that knows the user. What MONGO_URL says wins, as with the next two. */
  MONGO_INITDB_DATABASE: Type.Optional(Type.String({ default: 'admin' })),
  MONGO_REPLICA_SET_NAME: Type.Optional(Type.String()),
  MONGO_AUTH_MECHANISM: Type.Optional(Type.String()),
  /** The database of this installation in MongoDB, and its collections of admins, tenants and tenants' environments. */
  ADMIN_TABLE: Type.Optional(Type.String({ default: 'VYPERADMIN' })),
  ADMIN_COL: Type.Optional(Type.String({ default: 'ADMIN' })),
  TENANT_COL: Type.Optional(Type.String({ default: 'TENANT' })),
  ENVIRON_COL: Type.Optional(Type.String({ default: 'ENVIRON' }))
}

/** Settings of code: options only. */
const options = {
  /** Where the URLs begin. */
  prefix: Type.Optional(Type.String({ pattern: '^/(?!/)[^*?#]*$', default: '/rest/services' })),
  /** How changes of files are noticed: by the system's events, by looking (mounted volumes), or not at all. */
  watch: Type.Optional(Type.Union([Type.Literal('events'), Type.Literal('poll'), Type.Literal(false)], { default: 'events' })),
  /** Wrap results as `{ status: 'OK', response }`. */
  envelope: Type.Optional(Type.Boolean({ default: false })),
  /** Serve `__dir__`. */
  directory: Type.Optional(Type.Boolean({ default: true })),
  /** Read the environment and `.env`. */
  env: Type.Optional(Type.Boolean({ default: true })),
  /** How tenants' code runs. Needs MULTI_TENANT. */
  sandbox: Type.Optional(sandboxSchema),
  /** Tenants by UUID, where they are to differ from the others. Needs MULTI_TENANT. */
  tenants: Type.Optional(Type.Unsafe<Readonly<Record<string, Static<typeof tenantSchema>>>>(Type.Record(Type.String(), tenantSchema))),
  /** Limits by name, for tenants to be given. Needs MULTI_TENANT. */
  plans: Type.Optional(Type.Unsafe<Readonly<Record<string, Static<typeof planSchema>>>>(Type.Record(Type.String(), planSchema))),
  /** Versions of an uploaded module that are kept. */
  versionsKept: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 10 })),
  /** A connection of the host's, made by @fastify/mongodb: `true`, or its name. */
  mongo: Type.Optional(Type.Union([Type.Boolean(), Type.String()])),
  /** A store of the host's own. */
  store: Type.Optional(Type.Unsafe<Store>(Type.Object({}, { additionalProperties: true }))),
  /** Called before each call, once it is known what is called: false is a 403, a throw the throw's status. */
  authorize: Type.Optional(Type.Unsafe<Authorize>(Type.Function([], Type.Unknown())))
}

export const optionsSchema = Type.Object({ ...environmentSettings, ...options }, { additionalProperties: false })
