import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MicroservicesOptions } from '../../../types/options.ts'
import { CommandError } from '../command.ts'
import { type DatabaseSettings, databaseSettings, hasCredentials, makeUser } from './database.ts'
import { codeOf, readIfThere, syncFolder, writePrivate } from './files.ts'
import { type Installation, openInstallation } from './installation.ts'
import { mirror, type Mirrored } from './mirror.ts'
import { checkInstallation, type ElevationRequest, makePlan, type Plan } from './plan.ts'
import { beginRecord, completeRecord, type ElevationRecord, readRecord } from './record.ts'
import { refuse } from './refusal.ts'
import { DATA_DIRECTORY, TENANTS_DIRECTORY, writeSettings } from './settings.ts'
import { mirrorVersions } from './versions.ts'

/** In order. Each is told when it is done, and may be done again. */
export const STEPS = ['planned', 'begun', 'database', 'store', 'copied', 'prepared', 'disabled', 'settled', 'written', 'completed'] as const

export type Step = typeof STEPS[number]

export interface Elevated {
  /** It was all done before, and nothing was changed. */
  readonly isRepeated: boolean
  /** What the operator should know of. */
  readonly notes: readonly string[]
}

/** Nodes look for what changed four times a second; a second after it was disabled, none lets the tenant in. */
const FOLLOWED_MS = 1_000

/** Each takes in what changed while the one before it was under way. A tenant that is disabled changes little. */
const LOOKS_MAX = 5

/**
 * Makes a tenant of the installation whose settings the working directory has the admin of a new one. Cut off anywhere,
 * it goes on when it is called again: what was decided is in the folder's record, and each step does what is not done yet.
 * The new `.env` comes last, so that no half of an installation can be started.
 *
 * @param onStep hears of each step; what it throws ends the work
 * @throws {CommandError}
 */
export async function elevate (request: ElevationRequest, onStep: (step: Step) => void = () => {}): Promise<Elevated> {
  const { folder, tenant } = request
  const known = await readRecord(folder)
  if (known !== undefined && known.tenant === tenant && (known.completedAt !== undefined || await readIfThere(join(folder, '.env')) !== undefined)) {
    // The record was all that was missing.
    if (known.completedAt === undefined) await completeRecord(folder, known)
    return { isRepeated: known.completedAt !== undefined, notes: [] }
  }
  const old = await openInstallation({}, checkInstallation)
  try {
    const plan = await makePlan(old, request, known)
    onStep('planned')
    return await carryOut(old, plan, folder, onStep).catch(error => { throw resumable(error, folder) })
  } finally {
    await old.close()
  }
}

async function carryOut (old: Installation, plan: Plan, folder: string, onStep: (step: Step) => void): Promise<Elevated> {
  const { owner: { uuid, admin }, sources } = plan
  const record = await beginRecord(folder, plan.begun)
  onStep('begun')
  const database = await prepareDatabase(old, plan, record)
  onStep('database')
  const prepared = join(folder, '.env.prepared')
  const prepare = async (): Promise<void> => {
    const text = writeSettings(old.settings, { record, database, directories: sources.directories, entries: await plan.entries() })
    if (text !== await readIfThere(prepared)) await writePrivate(prepared, text)
  }
  const fresh = await openInstallation(optionsOf(record, database, folder))
  let left: readonly string[]
  try {
    onStep('store')
    await copy(old, fresh, plan, folder)
    onStep('copied')
    await prepare()
    onStep('prepared')
    await old.registry.setEnabled(admin, uuid, false)
    onStep('disabled')
    left = await settle(() => copy(old, fresh, plan, folder))
    await prepare()
    onStep('settled')
  } finally {
    await fresh.close()
  }
  await rename(prepared, join(folder, '.env'))
  await syncFolder(folder)
  onStep('written')
  await completeRecord(folder, record)
  onStep('completed')
  return { isRepeated: false, notes: [...plan.notes, ...left.map(text => `${text}; it was not copied`), ...notesOn(database)] }
}

/** Makes the new database's user, where the server has users. */
async function prepareDatabase (old: Installation, { client }: Plan, { database, secrets }: ElevationRecord): Promise<DatabaseSettings | undefined> {
  const { store } = old.settings.installation
  if (store.kind !== 'mongo' || client === undefined || database === null) return undefined
  const user = { name: database, password: secrets!.password }
  const hasUsers = await makeUser(client, database, user)
  if (!hasUsers && hasCredentials(store.mongo)) {
    refuse('MongoDB: expected a server that makes users by the command createUser; found one that does not, though it asks who connects: the new installation cannot get a user of its own, and must not have this one\'s')
  }
  return databaseSettings(store.mongo, database, hasUsers ? user : undefined)
}

/** As the new `.env` will say, for what its store needs to know. */
function optionsOf ({ tenant, secrets }: ElevationRecord, database: DatabaseSettings | undefined, folder: string): MicroservicesOptions {
  const [data, keys] = [join(folder, DATA_DIRECTORY), { ADMIN_SECRET: secrets!.admin, SECRETS_KEY: secrets!.key }]
  return { env: false, ADMIN_ID: tenant, ...keys, MULTI_TENANT: true, plugins: [], DATA_DIR: data, ...database }
}

async function copy (old: Installation, fresh: Installation, { owner, sources }: Plan, folder: string): Promise<Mirrored> {
  for (const name of [...sources.directories, TENANTS_DIRECTORY]) await mkdir(join(folder, name), { recursive: true, mode: 0o700 })
  let changes = await mirrorVersions(old.store, fresh.store, owner.uuid)
  const left: string[] = []
  for (const { from, to } of sources.trees) {
    const mirrored = await mirror(from, join(folder, to))
    changes += mirrored.changes
    left.push(...mirrored.left)
  }
  return { changes, left }
}

/** Copies until there is nothing left to copy: then the new one has what the old one has. */
async function settle (look: () => Promise<Mirrored>): Promise<readonly string[]> {
  await sleep(FOLLOWED_MS)
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const { changes, left } = await look()
    if (changes === 0) return left
  }
  return refuse('expected the tenant\'s modules to stay as they are, since it is disabled; found that they keep changing: end what writes to its directories')
}

function notesOn (database: DatabaseSettings | undefined): string[] {
  if (database === undefined || database.MONGO_INITDB_ROOT_USERNAME !== undefined) return []
  return [`this MongoDB has no users: whoever reaches it reaches the new database ${database.ADMIN_TABLE} as well`]
}

const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on its disk',
  EDQUOT: 'make room within this user\'s quota',
  EROFS: 'name a folder of a disk that may be written to',
  EACCES: 'let this user read and write there',
  EPERM: 'let this user read and write there'
}

function resumable (error: unknown, folder: string): CommandError {
  const { message } = error as Error
  const todo = advice[codeOf(error) ?? '']
  return new CommandError(`${message}${todo === undefined ? '' : `: ${todo}`}
What is done so far stays in ${folder}. Then run the same command again: it goes on from there.`)
}
