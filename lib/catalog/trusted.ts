import type { FastifyInstance } from 'fastify'
import type { Problem } from '../../types/directory.ts'
import { messageOf } from '../errors.ts'
import type { Settings } from '../options.ts'
import { ModuleError } from '../source/problem.ts'
import type { Endings } from './endings.ts'
import type { ModuleVersion } from './module.ts'
import { type Makers, type ModuleRecord, recordsOf } from './record.ts'
import { scan } from './scan.ts'
import { assemble, type Snapshot } from './snapshot.ts'
import type { Uploads } from './uploads.ts'
import type { ModuleFile } from './walk.ts'

/** Modules that are read and bundled at once: esbuild uses all cores by itself, more only holds more sources in memory. */
const CONCURRENT_BUILDS = 16

export interface TrustedOptions {
  readonly app: FastifyInstance
  readonly settings: Settings
  readonly makers: Makers
  readonly uploads: Uploads
  readonly endings: Endings
  /** What admins have beside. */
  readonly builtIns: readonly ModuleVersion[]
}

/** The modules of admins, uploaded and of their directories, which run in this process: all that changed of them goes live at once. */
export class TrustedModules {
  readonly #options: TrustedOptions
  #records: readonly ModuleRecord[] = []
  #found: readonly Problem[] = []
  #directories: readonly string[] = []
  /** The versions that were started; none before the app is ready. */
  #live: ReadonlySet<ModuleVersion> = new Set()

  constructor (options: TrustedOptions) {
    this.#options = options
  }

  /** In order; some of those of files are tenants'. */
  get records (): readonly ModuleRecord[] {
    return this.#records
  }

  /** How many modules are live, without those built in. */
  get size (): number {
    return this.#live.size - this.#options.builtIns.length
  }

  /** Those of tenants' modules are the tenants'. */
  get problems (): Problem[] {
    const { settings: { admins }, uploads } = this.#options
    return [...admins.flatMap(admin => uploads.problemsOf(admin)), ...this.#found, ...this.#records.flatMap(record => record.isTenants ? [] : record.problems)]
  }

  /** What is worth watching. */
  get watched (): { directories: readonly string[], files: string[] } {
    return { directories: this.#directories, files: this.#records.flatMap(({ watched }) => watched) }
  }

  /** Looks at the files, and builds what changed; whose a module is, is known then. */
  async look (): Promise<void> {
    const { files, directories, problems } = await scan(this.#options.settings)
    this.#records = await this.#update([...this.#uploaded, ...files])
    this.#directories = directories
    this.#found = problems
  }

  /** Looks at what is uploaded only. */
  async lookAtUploads (): Promise<void> {
    const others = this.#records.filter(({ source }) => source.version === undefined)
    this.#records = [...await this.#update(this.#uploaded), ...others]
  }

  /**
   * What is to be served now; where the app is ready, with all that is new started. A module whose `__start__` fails falls
   * back to its last good version, if it has one.
   */
  async assemble (isStarted: boolean): Promise<Snapshot> {
    for (;;) {
      const versions = this.#records.flatMap(({ version }) => version === undefined || version.guest ? [] : version)
      const next = assemble([...versions, ...this.#options.builtIns], this.#options.settings)
      if (!isStarted || await this.#startAll([...modulesOf(next)].filter(module => !this.#live.has(module)))) return next
    }
  }

  /** The app is ready and this snapshot is live: what it replaces may end. */
  replace (snapshot: Snapshot): void {
    const modules = modulesOf(snapshot)
    const replaced = [...this.#live].filter(version => !modules.has(version))
    this.#live = modules
    for (const record of this.#records) record.settle(modules)
    for (const version of replaced) this.#options.endings.end(version)
  }

  close (): void {
    for (const version of this.#live) this.#options.endings.end(version)
  }

  /** What was uploaded comes first, and so wins over a directory's of the same name. */
  get #uploaded (): ModuleFile[] {
    const { settings: { admins }, uploads } = this.#options
    return admins.flatMap(admin => uploads.sourcesOf(admin))
  }

  async #update (sources: readonly ModuleFile[]): Promise<ModuleRecord[]> {
    const { makers, settings } = this.#options
    const records = recordsOf(sources, this.#records)
    const waiting = [...records]
    const work = async (): Promise<void> => {
      for (let record = waiting.shift(); record; record = waiting.shift()) await record.update(makers, settings)
    }
    await Promise.all(Array.from({ length: CONCURRENT_BUILDS }, work))
    await makers.bundler.rest()
    return records
  }

  async #startAll (versions: ModuleVersion[]): Promise<boolean> {
    const results = await Promise.all(versions.map(async version => {
      try {
        await version.start(this.#options.app)
        return true
      } catch (error) {
        this.#records.find(record => record.version === version)?.fallBack(
          new ModuleError('FMS_ERR_MODULE', version.file, `__start__ failed: ${messageOf(error)}`, { cause: error }))
        return false
      }
    }))
    return results.every(Boolean)
  }
}

function modulesOf ({ namespaces }: Snapshot): Set<ModuleVersion> {
  return new Set([...namespaces.values()].flatMap(({ modules }) => modules))
}
