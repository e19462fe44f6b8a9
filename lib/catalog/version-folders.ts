import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { exposureOf } from '../directories.ts'
import { type ErrorCode, messageOf } from '../errors.ts'
import { canonicalUuid, isReservedName, namePattern } from '../names.ts'
import { canonical, type SourceFile, unpackFiles, versionOf } from '../source/files.ts'
import { ModuleError } from '../source/problem.ts'
import { findIndex, type ModuleFile } from './walk.ts'

/** What is uploaded, as the registry and the store know it. Who waits for a store, waits no longer than it sees to. */
export interface UploadedVersions {
  /** The active version of each module, by name; null for none. */
  modulesOf (owner: string): Readonly<Record<string, string | null>>
  /** Who has an active version of anything. */
  owners (): Iterable<string>
  /** Its files as `packFiles` packs them; undefined where there is no such version. */
  content (owner: string, module: string, version: string): Promise<Uint8Array | undefined>
  /** The one version that begins so; undefined for none, or several. */
  find (owner: string, module: string, prefix: string): Promise<string | undefined>
}

/** One version of an uploaded module. */
export interface VersionName {
  readonly owner: string
  readonly module: string
  readonly version: string
}

/** Of each module, the newest and the one that is active. A few more than a store keeps by default: all its versions can be previewed at no cost. */
const KEPT = 12

const DAY_MS = 24 * 60 * 60 * 1000

const versionPattern = /^[0-9a-f]{64}$/

/**
 * Versions of uploaded modules as folders, `<owner>/<module>/<version>`, for bundlers to read. They are copies: what is
 * missing, or not as it was written, is written again. None ever changes, so that several processes may share them.
 */
export class VersionFolders {
  readonly #directory: string
  readonly #uploaded: UploadedVersions
  #root: Promise<string> | undefined

  constructor (directory: string, uploaded: UploadedVersions) {
    this.#directory = directory
    this.#uploaded = uploaded
  }

  /** A version that the store has, as bundlers want it. @throws {ModuleError} */
  async fetch (name: VersionName): Promise<ModuleFile> {
    return await this.#place(name, async () => {
      const { owner, module, version } = name
      const content = await this.#uploaded.content(owner, module, version).catch((error: unknown) => {
        throw new ModuleError('FMS_ERR_UNAVAILABLE', join(this.#directory, owner, module, version), `version ${version} of ${module} cannot be read from the store now: ${messageOf(error)}`, { cause: error })
      })
      return readContent(content, name, join(this.#directory, owner, module, version))
    })
  }

  /** A version that the store may not have yet. @throws {ModuleError} */
  async write (name: VersionName, files: readonly SourceFile[]): Promise<ModuleFile> {
    return await this.#place(name, async () => files)
  }

  /** One version, or all of a module's, or of an owner's. */
  async remove (name: Pick<VersionName, 'owner'> & Partial<VersionName>): Promise<void> {
    const { owner, module = '', version = '' } = name
    if (isSafe(name)) await vanish(join(this.#directory, owner, module, version)).catch(() => {})
  }

  /** Removes what was left by owners that are gone, and of modules. */
  async sweep (exists: (owner: string, module?: string) => boolean): Promise<void> {
    for (const owner of await list(this.#directory)) {
      const folder = join(this.#directory, owner)
      if (!exists(owner)) await vanish(folder).catch(() => {})
      else for (const module of await list(folder)) if (!exists(owner, module)) await vanishIfOld(join(folder, module))
    }
  }

  async #place (name: VersionName, files: () => Promise<readonly SourceFile[]>): Promise<ModuleFile> {
    const { owner, module, version } = name
    const folder = await this.#folderOf(name)
    if (!await isIntact(folder, version)) {
      await this.#write(folder, version, await files())
      await this.#thin(name, dirname(folder)).catch(() => {})
    }
    const file = await findIndex(folder) as string
    return { owner, name: module, file, folder, directory: folder, version }
  }

  /** @throws {ModuleError} */
  async #folderOf ({ owner, module, version }: VersionName): Promise<string> {
    // They come from a store, and go to a disk.
    if (!isSafe({ owner, module, version })) {
      throw new ModuleError('FMS_ERR_NAME', this.#directory, 'expected the UUID of an owner, the name of a module and a SHA-256; found others')
    }
    this.#root ??= makePrivate(this.#directory).catch(error => {
      this.#root = undefined
      throw error
    })
    return join(await this.#root, owner, module, version)
  }

  /** Whole or not at all, whoever reads, and whenever the process ends. */
  async #write (folder: string, version: string, files: readonly SourceFile[]): Promise<void> {
    const temporary = join(dirname(folder), `.${randomUUID()}`)
    try {
      const folders = new Set(files.map(({ path }) => dirname(join(temporary, path))))
      for (const one of folders) await mkdir(one, { recursive: true, mode: 0o700 })
      for (const { path, contents } of files) await writeFile(join(temporary, path), contents, { mode: 0o600, flag: 'wx' })
      await rename(temporary, folder).catch(async (error: unknown) => {
        // Another process was faster, or what is there is not whole.
        if (await isIntact(folder, version)) return
        await vanish(folder).catch(() => { throw error })
        await rename(temporary, folder)
      })
    } catch (error) {
      throw new ModuleError('FMS_ERR_UNAVAILABLE', folder, `its files cannot be written to DATA_DIR: ${codeOf(error)}`, { cause: error })
    } finally {
      await rm(temporary, { recursive: true, force: true }).catch(() => {})
    }
  }

  async #thin ({ owner, module, version }: VersionName, parent: string): Promise<void> {
    const found = await Promise.all((await list(parent)).map(async name => ({ name, mtimeMs: (await stat(join(parent, name))).mtimeMs })))
    const [versions, others] = [found.filter(({ name }) => versionPattern.test(name)), found.filter(({ name }) => !versionPattern.test(name))]
    for (const { name } of others) await vanishIfOld(join(parent, name))
    const old = versions.sort((one, other) => other.mtimeMs - one.mtimeMs).slice(KEPT)
    for (const { name } of old) if (name !== version && name !== this.#uploaded.modulesOf(owner)[module]) await vanish(join(parent, name))
  }
}

/** What is wrong with a version, for who uploaded it: nobody knows our disk, or need to. Undefined for what is wrong with anything else. */
export function relativeError ({ code, file, message, line }: ModuleError['problem'], { owner, module, version }: VersionName): ModuleError | undefined {
  const tail = join(owner, module, version)
  const end = file.indexOf(tail)
  if (end === -1) return undefined
  const folder = file.slice(0, end + tail.length)
  const cut = (text: string): string => text.replaceAll(folder + sep, '').replaceAll(folder, '.')
  return new ModuleError(code as ErrorCode, cut(file), cut(message), line === undefined ? {} : { line })
}

function isSafe ({ owner, module, version }: Pick<VersionName, 'owner'> & Partial<VersionName>): boolean {
  return (owner === 'local' || canonicalUuid(owner) === owner) && (module === undefined || (namePattern.test(module) && !isReservedName(module))) &&
    (version === undefined || versionPattern.test(version))
}

function readContent (content: Uint8Array | undefined, { module, version }: VersionName, folder: string): SourceFile[] {
  const refuse = (found: string, cause?: unknown): never => {
    throw new ModuleError('FMS_ERR_MODULE', folder, `expected the files of version ${version} of ${module} in the store; found ${found}; upload it again`, { cause })
  }
  if (content === undefined) return refuse('none')
  try {
    const files = unpackFiles(content)
    return versionOf(files) === version ? files : refuse('those of another')
  } catch (error) {
    if (error instanceof ModuleError) throw error
    return refuse('something else', error)
  }
}

/** Code of trusted modules comes from there. */
async function makePrivate (directory: string): Promise<string> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new ModuleError('FMS_ERR_UNAVAILABLE', directory, `there is no writing to DATA_DIR: ${codeOf(error)}`, { cause: error })
  }
  const exposure = exposureOf(directory, { mayBeRead: false }) ?? exposureOf(dirname(directory), { mayBeRead: true })
  if (exposure !== undefined) throw new ModuleError('FMS_ERR_UNAVAILABLE', directory, `DATA_DIR: ${exposure}`)
  return await realpath(directory)
}

/** The system's messages name paths. */
function codeOf (error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? messageOf(error)
}

/** Whether a folder holds the version's files, all of them, and nothing else: a crash of the machine may have left any part. */
async function isIntact (folder: string, version: string): Promise<boolean> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const files: SourceFile[] = []
    for (const entry of entries) {
      if (entry.isDirectory()) continue
      if (!entry.isFile()) return false
      const file = join(entry.parentPath, entry.name)
      files.push({ path: relative(folder, file).replaceAll(sep, '/'), contents: await readFile(file) })
    }
    return versionOf(canonical(files).files) === version
  } catch {
    return false
  }
}

async function list (directory: string): Promise<string[]> {
  return await readdir(directory).catch(() => [])
}

/** What a process that ended in mid-write left, or another has written just now. */
async function vanishIfOld (path: string): Promise<void> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }))
  if (Date.now() - mtimeMs > DAY_MS) await vanish(path).catch(() => {})
}

/** At once for whoever looks, then the disk's share of the work. */
async function vanish (path: string): Promise<void> {
  const leaving = join(dirname(path), `.${randomUUID()}`)
  await rename(path, leaving)
  await rm(leaving, { recursive: true, force: true })
}
