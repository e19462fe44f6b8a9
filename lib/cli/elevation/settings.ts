import { delimiter } from 'node:path'
import type { Settings } from '../../options.ts'
import type { DatabaseSettings } from './database.ts'
import type { Entry } from './entries.ts'
import { envText } from './env-file.ts'
import type { ElevationRecord } from './record.ts'

/** What stands in the new installation's `.env`. */
export interface NewSettings {
  readonly record: ElevationRecord
  /** Undefined: it keeps its owners in its DATA_DIR. */
  readonly database: DatabaseSettings | undefined
  /** Plugin directories, below its folder. */
  readonly directories: readonly string[]
  readonly entries: readonly Entry[]
}

export const DATA_DIRECTORY = 'data'
export const TENANTS_DIRECTORY = 'tenants'

/** The text of the new installation's `.env`. */
export function writeSettings (old: Settings, { record, database, directories, entries }: NewSettings): string {
  const secrets = entries.filter(({ secret }) => secret).map(({ name }) => name)
  return envText([
    {
      comment: ['Written by `fastify-microservices elevate`. It holds secrets: nobody else should read it.', 'The app is to run with this folder as its working directory.'],
      values: {
        ADMIN_ID: record.tenant,
        ADMIN_SECRET: record.secrets?.admin ?? '',
        SECRETS_KEY: record.secrets?.key ?? '',
        MULTI_TENANT: 'true',
        plugins: directories.map((name, i) => i === 0 ? '.' : `./${name}`).join(delimiter),
        TENANTS_DIR: `./${TENANTS_DIRECTORY}`,
        DATA_DIR: `./${DATA_DIRECTORY}`
      }
    },
    ...database === undefined ? [] : [{ comment: [commentOn(database)], values: { ...database } }],
    { comment: ['As in the installation that it comes from: its modules were written for these.'], values: keptOf(old) },
    ...entries.length === 0
      ? []
      : [{
          comment: ['The environment that it had as a tenant.'],
          values: { ...secrets.length > 0 && { SECRETS: secrets.join(',') }, ...Object.fromEntries(entries.map(({ name, value }) => [name, value])) }
        }]
  ])
}

function commentOn ({ MONGO_INITDB_ROOT_USERNAME: name }: DatabaseSettings): string {
  return name === undefined
    ? 'Its own database. The server had no users when this was written: whoever reaches it reaches all of it.'
    : 'Its own database, and a user of its own, who may read and write there and nowhere else.'
}

/** How modules are called, and how safely. What is as by default is left to the default. */
function keptOf ({ parameterNames, maxFunctionSecs, installation: { tokens, tokenTtlSecs, sealed, uploads } }: Settings): Record<string, string> {
  const names = parameterNames.map((name, i): [string, string] => [`URL_PARM${i + 1}`, name]).filter(([, name], i) => name !== `parm_${i + 1}`)
  return {
    NUM_URL_PARMS: String(parameterNames.length),
    ...Object.fromEntries(names),
    MAX_FUNCTION_SECS: String(maxFunctionSecs),
    TOKENS: tokens,
    TOKEN_TTL_SECS: String(tokenTtlSecs),
    SEALED: sealed,
    UPLOADS: uploads
  }
}
