import type { FastifyInstance } from 'fastify'
import { messageOf } from '../errors.ts'
import type { Settings } from '../options.ts'
import type { SourceFile } from '../source/files.ts'
import { ModuleError } from '../source/problem.ts'
import type { Endings } from './endings.ts'
import type { ModuleVersion } from './module.ts'
import { BuildQueue } from './queue.ts'
import { type Makers, ModuleRecord } from './record.ts'
import { assembleOwner, type Namespace } from './snapshot.ts'
import { FETCHES_AT_ONCE } from './uploads.ts'
import { relativeError, type UploadedVersions, type VersionFolders, type VersionName } from './version-folders.ts'
import type { ModuleFile } from './walk.ts'

/** Versions at hand: more than are uploaded at once, each of which is served a moment later. A trusted one is code in this process. */
const KEPT = 32

/** What nobody calls for so long ends: it may have timers of its own, or a queue that it serves. */
const IDLE_MS = 10 * 60 * 1000

export interface PreviewsOptions {
  readonly app: FastifyInstance
  readonly settings: Settings
  readonly makers: Makers
  readonly uploaded: UploadedVersions
  readonly folders: VersionFolders
  readonly endings: Endings
}

interface Preview {
  readonly name: VersionName
  readonly version: Promise<ModuleVersion>
  /** The same, when it is there. */
  made: ModuleVersion | undefined
  readonly idle: NodeJS.Timeout
}

/** Versions of uploaded modules that are made beside those that are served: to be looked at before they are activated, or called as previews. */
export class Previews {
  readonly #options: PreviewsOptions
  /** The least recently used comes first. */
  readonly #previews = new Map<string, Preview>()
  readonly #queue = new BuildQueue(FETCHES_AT_ONCE)

  constructor (options: PreviewsOptions) {
    this.#options = options
  }

  /** Makes what was uploaded. Errors name files relative to the module's folder. @throws {ModuleError} */
  async make (name: VersionName, files: readonly SourceFile[]): Promise<ModuleVersion> {
    try {
      return await this.#get(name, () => this.#options.folders.write(name, files))
    } catch (error) {
      throw error instanceof ModuleError ? relativeError(error.problem, name) ?? error : error
    }
  }

  /**
   * What `<module>@<prefix>` means.
   *
   * @param live the version that is served
   * @throws {ModuleError} and what a store's absence throws
   */
  async find (owner: string, module: string, prefix: string, live: ModuleVersion | undefined): Promise<Namespace | undefined> {
    const { uploaded, app } = this.#options
    const version = await uploaded.find(owner, module, prefix)
    if (version === undefined) return undefined
    if (live?.upload === version) return assembleOwner([live]).namespace
    const name = { owner, module, version }
    const preview = await this.#get(name, () => this.#fetch(name))
    if (preview.guest === undefined) {
      await preview.start(app).catch((error: unknown) => {
        this.#end(this.#keyOf(name))
        throw new ModuleError('FMS_ERR_MODULE', preview.file, `__start__ failed: ${messageOf(error)}`, { cause: error })
      })
    }
    return assembleOwner([preview]).namespace
  }

  /** A version that is served from now on: it is no preview any more. */
  take ({ owner, name, version }: ModuleFile): ModuleVersion | undefined {
    const key = this.#keyOf({ owner, module: name, version: version as string })
    const preview = this.#previews.get(key)
    if (preview?.made === undefined) return undefined
    clearTimeout(preview.idle)
    this.#previews.delete(key)
    return preview.made
  }

  /** Of a version that was not kept nothing stays, here and on the disk. */
  async discard (name: VersionName): Promise<void> {
    const { uploaded, folders } = this.#options
    if (uploaded.modulesOf(name.owner)[name.module] === name.version) return
    this.#end(this.#keyOf(name))
    await folders.remove(name)
  }

  /** Of a module that is gone either. */
  async forget (owner: string, module: string): Promise<void> {
    this.end(owner, module)
    await this.#options.folders.remove({ owner, module })
  }

  /** All, or an owner's, or one module's. */
  end (owner?: string, module?: string): void {
    for (const [key, { name }] of this.#previews) {
      if ((owner === undefined || name.owner === owner) && (module === undefined || name.module === module)) this.#end(key)
    }
  }

  /** One for all who ask: what is got for a version takes as much memory as its files. */
  async #get (name: VersionName, source: () => Promise<ModuleFile>): Promise<ModuleVersion> {
    const key = this.#keyOf(name)
    const preview = this.#previews.get(key) ?? this.#begin(name, key, source)
    preview.idle.refresh()
    this.#previews.delete(key)
    this.#previews.set(key, preview)
    const [oldest] = this.#previews.keys()
    if (this.#previews.size > KEPT) this.#end(oldest as string)
    return await preview.version
  }

  #begin (name: VersionName, key: string, source: () => Promise<ModuleFile>): Preview {
    const version = source().then(file => this.#make(file))
    const preview: Preview = { name, version, made: undefined, idle: setTimeout(() => this.#end(key), IDLE_MS).unref() }
    preview.version.then(
      version => { preview.made = version },
      () => { if (this.#previews.get(key) === preview) this.#end(key) }
    )
    return preview
  }

  async #fetch (name: VersionName): Promise<ModuleFile> {
    const { promise, resolve, reject } = Promise.withResolvers<ModuleFile>()
    await this.#queue.add(name.owner, () => this.#options.folders.fetch(name).then(resolve, reject))
    return await promise
  }

  async #make (source: ModuleFile): Promise<ModuleVersion> {
    const { makers, settings } = this.#options
    const admin = makers.workshop?.adminOf(source.owner)
    const record = new ModuleRecord(source)
    await record.update(makers, settings)
    if (record.isTenants && admin !== undefined) {
      record.begin(makers, settings, admin)
      await record.pending
    }
    void makers.bundler.rest()
    if (record.version === undefined) throw record.failure ?? new ModuleError('FMS_ERR_OWNER', source.file, `expected an owner that exists; found ${source.owner}`)
    return record.version
  }

  #end (key: string): void {
    const preview = this.#previews.get(key)
    if (preview === undefined) return
    clearTimeout(preview.idle)
    this.#previews.delete(key)
    const { endings } = this.#options
    if (preview.made !== undefined) endings.end(preview.made)
    else preview.version.then(version => endings.end(version), () => {})
  }

  /** Of the admin too: what was made in another's name is nobody's any more. */
  #keyOf ({ owner, module, version }: VersionName): string {
    return [this.#options.makers.workshop?.adminOf(owner), owner, module, version].join('/')
  }
}
