import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { exposureOf, isInside } from '../../directories.ts'
import type { Settings } from '../../options.ts'
import { codeOf, isTemporary, namesIn, readIfThere, realPlace, writePrivate } from './files.ts'
import { refuse } from './refusal.ts'

/** What an elevation has decided, kept in the new installation's folder so that whoever resumes it decides the same. */
export interface ElevationRecord {
  readonly tenant: string
  /** Whose tenant it was, and where the old installation keeps its owners. */
  readonly admin: string
  readonly source: string
  /** Of the new installation, in MongoDB. */
  readonly database: string | null
  /** As base64url; only until they stand in its `.env`. */
  readonly secrets?: { readonly admin: string, readonly key: string, readonly password: string }
  /** Set when all is done. */
  readonly completedAt?: string
}

const FILE = '.elevation.json'
const KEY_BYTES = 32

/** The record of a folder; undefined where there is none. @throws {CommandError} for one that this command did not write */
export async function readRecord (folder: string): Promise<ElevationRecord | undefined> {
  const text = await readIfThere(join(folder, FILE)).catch(error => refuse(`--to: expected a folder that this user may read, or none; found ${codeOf(error)} at ${folder}`))
  if (text === undefined) return undefined
  try {
    const record = JSON.parse(text) as ElevationRecord
    if (typeof record.tenant === 'string' && typeof record.source === 'string' && (record.completedAt !== undefined || record.secrets !== undefined)) return record
  } catch {
    // No JSON.
  }
  return refuse(`--to: expected a folder of this command's; found ${join(folder, FILE)}, which is not what this command writes: name another folder`)
}

/**
 * Makes the folder, and begins the record in it.
 *
 * @returns what is there, where another run was faster
 */
export async function beginRecord (folder: string, begun: Omit<ElevationRecord, 'secrets' | 'completedAt'>): Promise<ElevationRecord> {
  const [admin, key, password] = [0, 0, 0].map(() => randomBytes(KEY_BYTES).toString('base64url')) as [string, string, string]
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writePrivate(join(folder, FILE), json({ ...begun, secrets: { admin, key, password } }), { exclusive: true })
  return await readRecord(folder) as ElevationRecord
}

/** The secrets stand in the `.env` now, and nowhere else. */
export async function completeRecord (folder: string, { secrets: _, ...record }: ElevationRecord): Promise<void> {
  await writePrivate(join(folder, FILE), json({ ...record, completedAt: new Date().toISOString() }))
}

/** @throws {CommandError} unless the folder is new, empty, or what another run of the same elevation has begun */
export async function checkFolder (folder: string, settings: Settings): Promise<void> {
  const real = await realPlace(folder)
  const taken = [
    ...settings.directories.map(({ path }) => ({ name: 'a plugin directory', path })),
    ...settings.tenantsDirectory === undefined ? [] : [{ name: 'TENANTS_DIR', path: settings.tenantsDirectory }],
    { name: 'DATA_DIR', path: settings.dataDirectory }
  ].find(({ path }) => real === path || isInside(real, path) || isInside(path, real))
  if (taken !== undefined) refuse(`--to: expected a folder apart from those of this installation; found ${real}, and ${taken.name} at ${taken.path}: name another folder`)
  const names = await namesIn(folder)
  // Whoever may write there would put code into an installation that trusts it.
  const exposure = names === undefined ? undefined : exposureOf(real, { mayBeRead: true })
  if (exposure !== undefined) refuse(`--to: ${exposure}: name another folder, or take it from the others`)
  const strange = names?.filter(name => !isTemporary(name)) ?? []
  if (strange.length > 0 && !strange.includes(FILE)) {
    refuse(`--to: expected a folder that is empty, or does not exist yet; found ${strange.length} files in ${folder} (${strange.slice(0, 3).join(', ')}${strange.length > 3 ? ', …' : ''}): name another folder`)
  }
}

function json (record: ElevationRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`
}
