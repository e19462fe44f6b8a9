import type { Problem } from '../../types/directory.ts'
import { messageOf } from '../errors.ts'
import { ModuleError } from '../source/problem.ts'
import { BuildQueue } from './queue.ts'
import type { UploadedVersions, VersionFolders } from './version-folders.ts'
import type { ModuleFile } from './walk.ts'

export type { UploadedVersions } from './version-folders.ts'

/** Each may hold what a store keeps of a version, 12 MB, and its files. */
export const FETCHES_AT_ONCE = 4

/** Where nothing can be uploaded. */
export const nothingUploaded: UploadedVersions = { modulesOf: () => ({}), owners: () => [], content: async () => undefined, find: async () => undefined }

const nothing: ReadonlyMap<string, ModuleFile> = new Map()

/**
 * Which version of each uploaded module is to be made: the one that is active, once its files lie on the disk, and until
 * then the one before. Found by an owner's name, as modules of files are by walking a directory; no look at modules
 * waits for a store.
 */
export class Uploads {
  readonly #uploaded: UploadedVersions
  readonly #folders: VersionFolders
  readonly #queue = new BuildQueue(FETCHES_AT_ONCE)
  /** By owner, then by module. */
  readonly #placed = new Map<string, ReadonlyMap<string, ModuleFile>>()
  readonly #problems = new Map<string, readonly Problem[]>()
  /** What is being done for an owner: one thing after the other. */
  readonly #turns = new Map<string, Promise<void>>()
  #sweeping: Promise<void> | undefined
  #closed = false

  constructor (uploaded: UploadedVersions, folders: VersionFolders) {
    this.#uploaded = uploaded
    this.#folders = folders
  }

  /** Owners that have any. */
  owners (): Iterable<string> {
    return this.#uploaded.owners()
  }

  /** Whether it has one that is active. */
  has (owner: string): boolean {
    return this.active(owner).length > 0
  }

  /** Whether it has a module of that name, active or not. */
  knows (owner: string, module: string): boolean {
    return Object.hasOwn(this.#uploaded.modulesOf(owner), module)
  }

  /** In the order of their names. */
  sourcesOf (owner: string): ModuleFile[] {
    return [...(this.#placed.get(owner) ?? nothing).values()]
  }

  problemsOf (owner: string): readonly Problem[] {
    return this.#problems.get(owner) ?? []
  }

  /** Owners that have not got what is active, and wait for the next try. */
  get late (): string[] {
    return [...this.#problems.keys()].filter(owner => !this.#turns.has(owner))
  }

  /** What an owner is being got. */
  pendingOf (owner: string): Promise<void> | undefined {
    return this.#turns.get(owner)
  }

  /** Whether all that is active is there, and nothing else. */
  isCurrent (owner: string): boolean {
    const active = this.active(owner)
    const placed = this.#placed.get(owner) ?? nothing
    return active.length === placed.size && active.every(([module, version]) => placed.get(module)?.version === version)
  }

  /** Gets what is active. Never rejects: of what cannot be had, the version before stays, and a problem says why. */
  async place (owner: string): Promise<void> {
    if (!this.isCurrent(owner)) await this.#inTurn(owner, () => this.#queue.add(owner, () => this.#place(owner)))
  }

  /** This owner is gone. */
  async forget (owner: string): Promise<void> {
    this.#placed.delete(owner)
    this.#problems.delete(owner)
    await this.#inTurn(owner, () => this.#folders.remove({ owner }))
  }

  /** Removes from the disk what was left of owners, and of modules, that went while nobody looked. */
  sweep (exists: (owner: string) => boolean): void {
    const isKnown = (owner: string, module?: string): boolean => exists(owner) && (module === undefined || this.knows(owner, module))
    this.#sweeping = this.#folders.sweep(isKnown)
  }

  async close (): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#turns.values(), this.#sweeping])
  }

  /** What is to be served: all, or that module. */
  active (owner: string, module?: string): Array<[module: string, version: string]> {
    return Object.entries(this.#uploaded.modulesOf(owner))
      .flatMap(([name, version]): Array<[string, string]> => version === null || (module !== undefined && name !== module) ? [] : [[name, version]])
      .sort(([one], [other]) => one < other ? -1 : 1)
  }

  async #inTurn (owner: string, work: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(owner) ?? Promise.resolve()).then(() => this.#closed ? undefined : work())
    this.#turns.set(owner, turn)
    await turn
    if (this.#turns.get(owner) === turn) this.#turns.delete(owner)
  }

  async #place (owner: string): Promise<void> {
    const before = this.#placed.get(owner) ?? nothing
    const placed = new Map<string, ModuleFile>()
    const problems: Problem[] = []
    for (const [module, version] of this.#closed ? [] : this.active(owner)) {
      let source = before.get(module)
      try {
        if (source?.version !== version) source = await this.#folders.fetch({ owner, module, version })
      } catch (error) {
        problems.push(problemOf(error, owner, source))
      }
      if (source !== undefined) placed.set(module, source)
    }
    this.#placed.set(owner, placed)
    if (problems.length > 0) this.#problems.set(owner, problems)
    else this.#problems.delete(owner)
    for (const module of before.keys()) if (!this.knows(owner, module)) await this.#folders.remove({ owner, module })
  }
}

function problemOf (error: unknown, owner: string, former: ModuleFile | undefined): Problem {
  const { problem } = error instanceof ModuleError ? error : new ModuleError('FMS_ERR_UNAVAILABLE', '(uploaded)', messageOf(error))
  const message = former?.version === undefined ? problem.message : `${problem.message} (version ${former.version.slice(0, 12)} keeps serving)`
  return { ...problem, owner, message }
}
