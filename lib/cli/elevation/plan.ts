import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { mongodb } from '@fastify/mongodb'
import { mongoNamePattern } from '../../installation.ts'
import type { Settings } from '../../options.ts'
import { show } from '../../show.ts'
import type { Owner } from '../../tenancy/owner.ts'
import { Secrets } from '../../tenancy/secrets.ts'
import { checkDatabase, databaseNameFor } from './database.ts'
import { type Entry, readEntries } from './entries.ts'
import { type Installation, recordOf } from './installation.ts'
import { checkFolder, type ElevationRecord } from './record.ts'
import { refuse } from './refusal.ts'
import { findSources, type Sources } from './sources.ts'

export interface ElevationRequest {
  /** In canonical form. */
  readonly tenant: string
  /** Absolute path of the new installation's. */
  readonly folder: string
  /** In MongoDB; undefined: one is named after the tenant. */
  readonly database: string | undefined
  /** Names of entries that are not taken along. */
  readonly without: ReadonlySet<string>
}

/** What is going to be done; nothing was changed yet. */
export interface Plan {
  readonly owner: Owner
  readonly sources: Sources
  /** Of the server where the old installation keeps its owners. */
  readonly client: mongodb.MongoClient | undefined
  readonly begun: Pick<ElevationRecord, 'tenant' | 'admin' | 'source' | 'database'>
  /** What the operator should know of. */
  readonly notes: readonly string[]
  /** As they are when asked. */
  readonly entries: () => Promise<Entry[]>
}

/** @throws {CommandError} unless this is where an installation with tenants is: another's place must stay as it is */
export async function checkInstallation ({ multiTenant, installation: { store } }: Settings): Promise<void> {
  if (!multiTenant) {
    refuse('MULTI_TENANT: expected it set, in the environment or in .env of the working directory; found it not: run this where the installation with the tenant runs, with what it has in its environment')
  }
  if (store.kind !== 'sqlite') return
  const file = join(store.directory, 'store.sqlite')
  await access(file).catch((error: NodeJS.ErrnoException) => refuse(`DATA_DIR: expected the installation's store; found ${error.code} at ${file}: ` +
    'set DATA_DIR as the installation has it, or MONGO_URL and ADMIN_TABLE where its owners are in MongoDB, by way of its own connection too'))
}

/**
 * Looks at everything that could stand in the way.
 *
 * @param known what an earlier run has decided
 * @throws {CommandError}
 */
export async function makePlan (old: Installation, { tenant, folder, database, without }: ElevationRequest, known: ElevationRecord | undefined): Promise<Plan> {
  const { settings, registry, store } = old
  const owner = registry.find(tenant) ?? refuse(`expected the UUID of a tenant; found ${tenant}, of whom this installation knows nothing: list them with tenants list`)
  if (owner.role === 'admin') refuse(`expected the UUID of a tenant; found ${tenant}, which is an admin's already`)
  await checkFolder(folder, settings)
  const secrets = new Secrets(settings.installation.secretsKeys)
  const entries = async (): Promise<Entry[]> => readEntries(await recordOf(store, tenant), secrets, without)
  await entries()
  const begun = { tenant, admin: owner.admin, source: sourceOf(settings), database: databaseOf(settings, tenant, database) }
  if (known !== undefined) checkSame(known, begun, database)
  const client = await connectTo(old)
  if (client !== undefined && known === undefined) await checkDatabase(client, begun.database!)
  const sources = await findSources(settings, owner)
  const isPoor = sources.trees.length === 0 && Object.keys(owner.modules).length === 0
  return { owner, sources, client, begun, entries, notes: isPoor ? [...sources.notes, NO_MODULES] : sources.notes }
}

const NO_MODULES = 'it has no modules here, neither in directories nor uploaded: if this app names directories in its code (option plugins), name them in the environment, by plugins, or copy them yourself'

/** Who has no MongoDB does not load its driver. */
async function connectTo ({ app, settings: { installation: { store } } }: Installation): Promise<mongodb.MongoClient | undefined> {
  if (store.kind !== 'mongo') return undefined
  const { connectMongo } = await import('../../store/mongo/open.ts')
  return await connectMongo(app, store.mongo)
}

/** A folder holds one elevation, of one tenant. @throws {CommandError} */
export function checkSame (known: ElevationRecord, { tenant, source }: Pick<ElevationRecord, 'tenant' | 'source'>, database: string | undefined): void {
  if (known.tenant !== tenant) refuse(`--to: expected a folder of its own for ${tenant}; found that of ${known.tenant}: name another folder`)
  if (known.source !== source) refuse(`expected the installation that this elevation was begun in (${known.source}); found another (${source}): run this where it was begun`)
  if (database !== undefined && database !== known.database) refuse(`--mongo-database: expected ${known.database}, which this elevation was begun with; found ${database}`)
}

function sourceOf ({ installation: { store }, dataDirectory }: Settings): string {
  return store.kind === 'mongo' ? `database ${store.mongo.database}` : dataDirectory
}

function databaseOf ({ installation: { store } }: Settings, tenant: string, wanted: string | undefined): string | null {
  if (store.kind !== 'mongo') {
    if (wanted !== undefined) refuse('--mongo-database: expected only where this installation keeps its owners in MongoDB; found them in DATA_DIR, as those of the new one will be')
    return null
  }
  const name = wanted ?? databaseNameFor(tenant, store.mongo)
  if (!mongoNamePattern.test(name)) refuse(`--mongo-database: expected a name of letters, digits, "-" and "_", 60 at most; found ${show(name)}`)
  if (name === store.mongo.database) refuse(`--mongo-database: expected another database than this installation's; found ${show(name)}`)
  return name
}
