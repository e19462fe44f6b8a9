import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Problem } from '../../types/directory.ts'
import { messageOf } from '../errors.ts'
import type { Settings } from '../options.ts'
import { ModuleError } from '../source/problem.ts'
import { type BuiltIn, buildIn } from './built-in.ts'
import type { ModuleVersion } from './module.ts'
import { type Makers, ModuleRecord } from './record.ts'
import { scan } from './scan.ts'
import { assemble, type Snapshot } from './snapshot.ts'

/** Modules that are read and bundled at once: esbuild uses all cores by itself, more only holds more sources in memory. */
const CONCURRENT_BUILDS = 16

/** How long the close of the app waits for calls and `__close__` functions. */
const CLOSE_MS = 10_000

export interface TrustedOptions {
  readonly app: FastifyInstance
  readonly settings: Settings
  readonly makers: Makers
  readonly log: FastifyBaseLogger
  /** What each admin has beside modules of files, where there are tenants. */
  readonly builtIns: readonly BuiltIn[]
}

/** The modules of admins' directories, which run in this process: all that changed of them goes live at once. */
export class TrustedModules {
  readonly #options: TrustedOptions
  readonly #builtIns: readonly ModuleVersion[]
  readonly #closing = new Set<Promise<void>>()
  #records: readonly ModuleRecord[] = []
  #found: readonly Problem[] = []
  #directories: readonly string[] = []
  /** The versions that were started; none before the app is ready. */
  #live: ReadonlySet<ModuleVersion> = new Set()

  constructor (options: TrustedOptions) {
    const { builtIns, settings: { admins, multiTenant } } = options
    this.#options = options
    this.#builtIns = multiTenant ? admins.flatMap(admin => builtIns.map(builtIn => buildIn(admin, builtIn))) : []
  }

  /** Of files, in order; some are tenants'. */
  get records (): readonly ModuleRecord[] {
    return this.#records
  }

  /** How many modules of files are live. */
  get size (): number {
    return this.#live.size - this.#builtIns.length
  }

  /** Those of tenants' modules are the tenants'. */
  get problems (): Problem[] {
    return [...this.#found, ...this.#records.flatMap(record => record.isTenants ? [] : record.problems)]
  }

  /** What is worth watching. */
  get watched (): { directories: readonly string[], files: string[] } {
    return { directories: this.#directories, files: this.#records.flatMap(({ inputs }) => inputs) }
  }

  /** Looks at the files, and builds what changed; whose a module is, is known then. */
  async look (): Promise<void> {
    const { makers, settings } = this.#options
    const { files, directories, problems } = await scan(settings)
    const known = new Map(this.#records.map(record => [record.source.file, record]))
    const records = files.map(source => known.get(source.file) ?? new ModuleRecord(source))
    const waiting = [...records]
    const work = async (): Promise<void> => {
      for (let record = waiting.shift(); record; record = waiting.shift()) await record.update(makers, settings)
    }
    await Promise.all(Array.from({ length: CONCURRENT_BUILDS }, work))
    await makers.bundler.rest()
    this.#records = records
    this.#directories = directories
    this.#found = problems
  }

  /**
   * What is to be served now; where the app is ready, with all that is new started. A module whose `__start__` fails falls
   * back to its last good version, if it has one.
   */
  async assemble (isStarted: boolean): Promise<Snapshot> {
    for (;;) {
      const versions = this.#records.flatMap(({ version }) => version === undefined || version.guest ? [] : version)
      const next = assemble([...versions, ...this.#builtIns], this.#options.settings)
      if (!isStarted || await this.#startAll([...modulesOf(next)].filter(module => !this.#live.has(module)))) return next
    }
  }

  /** The app is ready and this snapshot is live: what it replaces may end. */
  replace (snapshot: Snapshot): void {
    const modules = modulesOf(snapshot)
    const replaced = [...this.#live].filter(version => !modules.has(version))
    this.#live = modules
    for (const record of this.#records) record.settle(modules)
    for (const version of replaced) this.#close(version)
  }

  async close (): Promise<void> {
    for (const version of this.#live) this.#close(version)
    await Promise.race([Promise.all(this.#closing), new Promise(resolve => { setTimeout(resolve, CLOSE_MS).unref() })])
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

  #close (version: ModuleVersion): void {
    const closing = version.close().catch((error: unknown) => {
      this.#options.log.error({ err: error, module: version.name, version: version.version }, `__close__ failed: ${version.file}`)
    }).finally(() => { this.#closing.delete(closing) })
    this.#closing.add(closing)
  }
}

function modulesOf ({ namespaces }: Snapshot): Set<ModuleVersion> {
  return new Set([...namespaces.values()].flatMap(({ modules }) => modules))
}
