import type { Dirent } from 'node:fs'
import { access, constants, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Problem } from '../../types/directory.ts'
import { type Directory, isInside } from '../directories.ts'
import { isReservedName, namePattern } from '../names.ts'
import { ModuleError } from '../source/problem.ts'

/** A module that was found: where it is and what it is called; nothing of its content. */
export interface ModuleFile {
  readonly owner: string
  readonly name: string
  /** Absolute path of the entry file as it was found: links are not resolved. */
  readonly file: string
  /** Absolute path of the module's own folder, when it is one. */
  readonly folder: string | undefined
  /** Absolute path of the plugin directory. */
  readonly directory: string
  /** Of an uploaded module: the SHA-256 that names its files, which never change. */
  readonly version?: string
}

/** What plugin directories hold, in their order, then by name. */
export interface Walk {
  readonly files: ModuleFile[]
  /** Folders that are modules or become one as soon as they get an index file: worth watching. */
  readonly folders: string[]
  readonly problems: Problem[]
}

/** Nobody means these to be modules, so nothing is said about them. */
const ignored = /^[._]|^node_modules$|\.test\.|\.d\.m?ts$/
const moduleExtension = /\.m?[jt]s$/
/** In order of preference. */
const indexFiles = ['index.ts', 'index.mts', 'index.js', 'index.mjs']

/** Finds the modules of plugin directories; reads no file, and opens none, since opening a FIFO would wait for its writer. */
export async function walk (directories: readonly Directory[]): Promise<Walk> {
  const walks = await Promise.all(directories.map(walkDirectory))
  return {
    files: walks.flatMap(({ files }) => files),
    folders: walks.flatMap(({ folders }) => folders),
    problems: walks.flatMap(({ problems }) => problems)
  }
}

async function walkDirectory (directory: Directory): Promise<Walk> {
  try {
    const root = await realpath(directory.path)
    const entries = (await readdir(directory.path, { withFileTypes: true })).filter(({ name }) => !ignored.test(name))
    // Compared as UTF-16, not in the language of the machine; for the names that are served, which are ASCII, that is by code point.
    entries.sort((one, other) => one.name < other.name ? -1 : 1)
    const findings = await Promise.all(entries.map(entry => examine(directory, root, entry)))
    return {
      files: findings.flatMap(({ file }) => file ?? []),
      folders: findings.flatMap(({ folder }) => folder ?? []),
      problems: findings.flatMap(({ problem }) => problem === undefined ? [] : { ...problem, owner: directory.owner })
    }
  } catch (error) {
    const found = codeOf(error) === 'ENOENT' ? 'nothing' : codeOf(error)
    const message = `expected a directory that this process may list; found ${found} at ${directory.path}; ` +
      'create it, mend its permissions, or take it out of the setting `plugins`'
    return { files: [], folders: [], problems: [{ code: 'FMS_ERR_DIRECTORY', owner: directory.owner, file: directory.path, message }] }
  }
}

interface Finding {
  file?: ModuleFile
  folder?: string
  problem?: ModuleError['problem'] | undefined
}

async function examine ({ owner, path: directory }: Directory, root: string, entry: Dirent): Promise<Finding> {
  const path = join(directory, entry.name)
  const isModuleFile = moduleExtension.test(entry.name)
  const finding: Finding = {}
  try {
    const kind = entry.isSymbolicLink() ? await stat(path) : entry
    if (kind.isDirectory()) finding.folder = path
    else if (!isModuleFile) return finding
    const file = finding.folder === undefined ? path : await findIndex(path)
    if (file === undefined) return finding
    const name = finding.folder === undefined ? entry.name.replace(moduleExtension, '') : entry.name
    checkName(name, path)
    await checkFile(file, root)
    finding.file = { owner, name, file, folder: finding.folder, directory }
  } catch (error) {
    if (error instanceof ModuleError) finding.problem = error.problem
    // A broken link `notes.txt` or an unreadable folder `lost+found` would be no module if it were whole.
    else if (isModuleFile || namePattern.test(entry.name)) finding.problem = (await explain(error, path))?.problem
  }
  return finding
}

/** The entry of a folder that is a module. */
export async function findIndex (folder: string): Promise<string | undefined> {
  const names = new Set(await readdir(folder))
  const index = indexFiles.find(name => names.has(name))
  return index && join(folder, index)
}

function checkName (name: string, path: string): void {
  if (!namePattern.test(name)) {
    throw new ModuleError('FMS_ERR_NAME', path, `expected letters, digits, "-" and "_"; found ${JSON.stringify(name)}; rename ${path}`)
  }
  if (isReservedName(name)) {
    throw new ModuleError('FMS_ERR_NAME', path, `expected a name that is not the platform's own; found "${name}"; rename ${path}`)
  }
}

async function checkFile (file: string, root: string): Promise<void> {
  const real = await realpath(file)
  if (!isInside(real, root)) {
    throw new ModuleError('FMS_ERR_FILE', file,
      `expected a file inside ${root}; found ${file}, which leads out to ${real}; copy it here, or make its directory a plugin directory`)
  }
  if (!(await stat(file)).isFile()) {
    throw new ModuleError('FMS_ERR_FILE', file,
      `expected a regular file; found a directory, FIFO, socket or device at ${file}; rename it with a leading "_" to have it ignored`)
  }
  await access(file, constants.R_OK)
}

/** Says what the system's error means for a module, or nothing where the file was deleted while we looked. */
async function explain (error: unknown, path: string): Promise<ModuleError | undefined> {
  const code = codeOf(error)
  const file = (error as NodeJS.ErrnoException).path ?? path
  const target = await readlink(file).catch(() => undefined)
  if (target !== undefined && (code === 'ENOENT' || code === 'ELOOP')) {
    const found = code === 'ENOENT' ? 'which does not exist' : 'which leads back to it'
    return new ModuleError('FMS_ERR_FILE', file,
      `expected a link that leads to a file; found ${file}, a link to ${target}, ${found}; mend or delete the link`, { cause: error })
  }
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
  return new ModuleError('FMS_ERR_FILE', file,
    `expected a file or folder that this process may read; found ${code} at ${file}; mend its permissions, or delete it`, { cause: error })
}

/** The system's code (`EACCES`); any other error is a fault of ours and goes on. */
function codeOf (error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  throw error
}
