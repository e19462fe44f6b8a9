import { lstatSync } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { resolve, sep } from 'node:path'

/** A plugin directory and whose it is. */
export interface Directory {
  readonly owner: string
  /** Absolute; links resolved where it exists. */
  readonly path: string
  /** Whether it may be missing. */
  readonly optional: boolean
}

/** Used where no directory is named; alone it may be missing. */
const DEFAULT_DIRECTORY = './plugins'

export interface DirectoryEntries {
  /** `.`, a path, `<uuid>=<path>`. */
  readonly plugins: readonly string[]
  readonly tenants: string | undefined
  readonly data: string
  /** Whose those are that name no owner. */
  readonly firstAdmin: string
}

export interface Directories {
  readonly directories: Directory[]
  readonly tenantsDirectory: string | undefined
  readonly dataDirectory: string
  readonly problems: string[]
}

/**
 * Turns settings into directories in their order, and says what is wrong with them: a missing one, a file, one that is
 * equal to, inside or around another.
 */
export async function resolveDirectories ({ plugins, tenants, data, firstAdmin }: DirectoryEntries): Promise<Directories> {
  const directories: Directory[] = []
  const problems: string[] = []
  for (const entry of plugins) {
    const [, uuid, rest] = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})=(.*)$/is.exec(entry) ?? [undefined, undefined, entry]
    const isDefault = rest === '.'
    const path = resolve(isDefault ? DEFAULT_DIRECTORY : rest as string)
    const real = await realpath(path).catch(() => undefined)
    if (real === undefined && !isDefault) {
      problems.push(`plugins: expected a directory that exists; found ${JSON.stringify(entry)}, but there is no ${path}`)
    } else if (real !== undefined && !(await stat(real)).isDirectory()) {
      problems.push(`plugins: expected a directory; found ${JSON.stringify(entry)}, but ${path} is a file`)
    }
    directories.push({ owner: uuid?.toLowerCase() ?? firstAdmin, path: real ?? path, optional: isDefault })
  }
  const tenantsDirectory = tenants === undefined ? undefined : await realpath(resolve(tenants)).catch(() => undefined)
  if (tenants !== undefined && (tenantsDirectory === undefined || !(await stat(tenantsDirectory)).isDirectory())) {
    problems.push(`TENANTS_DIR: expected a directory that exists; found ${JSON.stringify(tenants)}`)
  }
  // The data may come to be at a path that leads through links as soon as their targets exist.
  const dataDirectory = await realpath(resolve(data)).catch(() => resolve(data))
  const named = [
    ...directories.map(({ path }) => ({ name: 'plugins', path })),
    ...tenantsDirectory === undefined ? [] : [{ name: 'TENANTS_DIR', path: tenantsDirectory }],
    { name: 'DATA_DIR', path: dataDirectory }
  ]
  return { directories, tenantsDirectory, dataDirectory, problems: [...problems, ...overlaps(named)] }
}

function overlaps (directories: ReadonlyArray<{ name: string, path: string }>): string[] {
  return directories.flatMap((one, i) => directories.slice(i + 1)
    .filter(other => one.path === other.path || isInside(one.path, other.path) || isInside(other.path, one.path))
    .map(other => `${other.name}: expected directories apart from one another; found ${one.path} and ${other.path}`))
}

/** Whether `path` lies below `directory`; both absolute. */
export function isInside (path: string, directory: string): boolean {
  return path.startsWith(directory.endsWith(sep) ? directory : directory + sep)
}

/** Says what makes a directory one that others have a hand in, and what to expect of it; undefined for one that is this process's own user's. */
export function exposureOf (directory: string, { mayBeRead }: { mayBeRead: boolean }): string | undefined {
  const forbidden = mayBeRead ? 0o022 : 0o077
  const { uid, mode } = lstatSync(directory)
  // Systems without owners say so by having no uid of a process.
  const own = process.geteuid?.() ?? uid
  // The sticky bit leaves each entry to its owner, as in /tmp.
  const sticky = mayBeRead && (mode & 0o1000) !== 0
  if ((uid === own || (uid === 0 && mayBeRead)) && (sticky || (mode & forbidden) === 0)) return undefined
  return `expected a directory of this process's own user, that nobody else may ${mayBeRead ? 'write to' : 'enter (mode 0700)'}; ` +
    `found ${directory} of user ${uid} with mode ${(mode & 0o7777).toString(8)}`
}
