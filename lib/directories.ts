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

/**
 * Turns entries of the `plugins` setting (`.`, a path, `<uuid>=<path>`) into directories in their order, and says what
 * is wrong with them: a missing one, a file, one that is equal to, inside or around another.
 */
export async function resolveDirectories (entries: readonly string[], firstAdmin: string): Promise<{ directories: Directory[], problems: string[] }> {
  const directories: Directory[] = []
  const problems: string[] = []
  for (const entry of entries) {
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
  return { directories, problems: [...problems, ...overlaps(directories)] }
}

function overlaps (directories: readonly Directory[]): string[] {
  return directories.flatMap((one, i) => directories.slice(i + 1)
    .filter(other => one.path === other.path || isInside(one.path, other.path) || isInside(other.path, one.path))
    .map(other => `plugins: expected directories apart from one another; found ${one.path} and ${other.path}`))
}

/** Whether `path` lies below `directory`; both absolute. */
export function isInside (path: string, directory: string): boolean {
  return path.startsWith(directory.endsWith(sep) ? directory : directory + sep)
}
