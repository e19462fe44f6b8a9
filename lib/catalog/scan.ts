import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Problem } from '../../types/directory.ts'
import type { Directory } from '../directories.ts'
import { canonicalUuid } from '../names.ts'
import type { Settings } from '../options.ts'
import { type ModuleFile, type Walk, walk } from './walk.ts'

/** What admins have to serve, as files, in its order. */
export interface Scan {
  readonly files: readonly ModuleFile[]
  /** What is worth watching. */
  readonly directories: readonly string[]
  readonly problems: readonly Problem[]
}

/** Directories that tenants have to themselves. What is in them is no matter before it is called. */
export interface TenantDirectories {
  /** By tenant. */
  readonly directories: ReadonlyMap<string, readonly Directory[]>
  readonly problems: readonly Problem[]
}

/** Finds the modules of admins' directories, those that name a tenant included. */
export async function scan ({ directories, admins, multiTenant }: Settings): Promise<Scan> {
  const [owned, others] = partition(directories, ({ owner }) => admins.includes(owner))
  const { files, folders, problems } = await walkPresent(owned)
  return {
    files,
    directories: [...owned.map(({ path }) => path), ...folders],
    // Without tenants, nobody but an admin may own a directory.
    problems: [...multiTenant ? [] : others.map(stranger), ...problems]
  }
}

/** Finds the directories of tenants: what `plugins` gives them, then the folders of TENANTS_DIR. */
export async function findTenants ({ directories, admins, multiTenant, tenantsDirectory }: Settings): Promise<TenantDirectories> {
  const given = multiTenant ? directories.filter(({ owner }) => !admins.includes(owner)) : []
  const { folders, problems } = tenantsDirectory === undefined ? { folders: [], problems: [] } : await listTenants(tenantsDirectory, admins)
  return { directories: Map.groupBy([...given, ...folders], ({ owner }) => owner), problems }
}

/** Walks directories; of those that need not be there, nothing is said. */
export async function walkPresent (directories: readonly Directory[]): Promise<Walk> {
  const { files, folders, problems } = await walk(directories)
  const mayBeMissing = new Set(directories.filter(({ optional }) => optional).map(({ path }) => path))
  return { files, folders, problems: problems.filter(({ code, file }) => code !== 'FMS_ERR_DIRECTORY' || !mayBeMissing.has(file)) }
}

/** The folders of TENANTS_DIR, by name; what stands there without being a tenant's is reported. */
async function listTenants (parent: string, admins: readonly string[]): Promise<{ folders: Directory[], problems: Problem[] }> {
  const folders: Directory[] = []
  const problems: Problem[] = []
  const report = (code: Problem['code'], file: string, message: string) => problems.push({ code, owner: admins[0] as string, file, message })
  try {
    const entries = (await readdir(parent, { withFileTypes: true })).filter(({ name }) => !name.startsWith('.'))
    for (const entry of entries.sort((one, other) => one.name < other.name ? -1 : 1)) {
      const path = join(parent, entry.name)
      const owner = canonicalUuid(entry.name)
      if (owner === undefined || owner !== entry.name || admins.includes(owner)) {
        report('FMS_ERR_OWNER', path, `expected folders named by the UUIDs of tenants, in lower case, and no admin's; found ${path}; rename it`)
      } else if (!entry.isDirectory()) {
        report('FMS_ERR_DIRECTORY', path, `expected a folder; found a file or a link at ${path}; replace it by a folder`)
      } else {
        folders.push({ owner, path, optional: true })
      }
    }
  } catch (error) {
    report('FMS_ERR_DIRECTORY', parent, `expected a directory that this process may list, as TENANTS_DIR says; found ${(error as NodeJS.ErrnoException).code} at ${parent}`)
  }
  return { folders, problems }
}

function stranger ({ owner, path }: Directory): Problem {
  return {
    code: 'FMS_ERR_OWNER',
    owner,
    file: path,
    message: `expected a directory of an owner that ADMIN_ID names, since MULTI_TENANT is not set; found ${path}, given to ${owner}; its modules are not served`
  }
}

function partition<T> (items: readonly T[], holds: (item: T) => boolean): [T[], T[]] {
  return [items.filter(holds), items.filter(item => !holds(item))]
}
