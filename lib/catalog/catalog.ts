import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Problem } from '../../types/directory.ts'
import { messageOf } from '../errors.ts'
import { type Mask, maskedLog } from '../mask.ts'
import type { Settings } from '../options.ts'
import { ModuleError } from '../source/problem.ts'
import { Bundler } from './bundle.ts'
import { ComeBack } from './come-back.ts'
import type { Workshop } from './guest.ts'
import type { ModuleVersion } from './module.ts'
import { BuildQueue } from './queue.ts'
import { type Makers, ModuleRecord } from './record.ts'
import { scan } from './scan.ts'
import { assemble, type Snapshot } from './snapshot.ts'
import { Watcher } from './watch.ts'

/** Modules that are read and bundled at once: esbuild uses all cores by itself, more only holds more sources in memory. */
const CONCURRENT_BUILDS = 16

/**
 * How long a refresh waits for tenants' modules before it goes on without those that are not done: before the app is
 * ready, half of what Fastify allows a plugin; later, what is left of the second within which its neighbours' changes are live.
 */
const PATIENCE_MS = { starting: 5_000, running: 250 }

/** How long the close of the app waits for calls and `__close__` functions. */
const CLOSE_MS = 10_000

/**
 * What the plugin directories hold, kept current. A refresh looks at the files, builds what changed, starts what is
 * new, and puts a new snapshot in place of the old one; calls under way keep the versions that they began with.
 */
export class Catalog {
  readonly #settings: Settings
  readonly #app: FastifyInstance
  readonly #log: FastifyBaseLogger
  readonly #makers: Makers
  readonly #watcher: Watcher | undefined
  readonly #closing = new Set<Promise<void>>()
  #records: readonly ModuleRecord[] = []
  #found: readonly Problem[] = []
  #snapshot: Snapshot
  /** The versions that were started; none before the app is ready. */
  #live: ReadonlySet<ModuleVersion> = new Set()
  #directories: readonly string[] = []
  #audit: (snapshot: Snapshot) => readonly Problem[] = () => []
  #started = false
  #closed = false
  #last: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  readonly #comeBack = new ComeBack(() => this.#resume())
  readonly #reported = new Set<string>()

  constructor (app: FastifyInstance, settings: Settings, mask: Mask | undefined, workshop: Workshop | undefined) {
    this.#app = app
    this.#makers = { bundler: new Bundler(), workshop, queue: new BuildQueue() }
    this.#log = maskedLog(app.log, mask)
    this.#settings = settings
    this.#snapshot = assemble([], settings)
    if (settings.watch !== false) {
      this.#watcher = new Watcher({ mode: settings.watch, onChange: () => this.#follow(this.load()), log: this.#log })
    }
  }

  /** What is served now. */
  get snapshot (): Snapshot {
    return this.#snapshot
  }

  /** All that is not served, and why. */
  get problems (): readonly Problem[] {
    return [
      ...this.#found, ...this.#records.flatMap(record => record.problems), ...this.#snapshot.problems, ...this.#audit(this.#snapshot)
    ]
  }

  /** Lets whoever serves the snapshots say what of them cannot be served. */
  auditWith (audit: (snapshot: Snapshot) => readonly Problem[]): void {
    this.#audit = audit
  }

  /** Brings what is served in line with the files; what takes tenants' modules long comes in later. */
  load (): Promise<void> {
    // One at a time; who comes while one runs shares the next.
    this.#next ??= this.#enqueue(() => {
      this.#next = undefined
      return this.#refresh()
    })
    return this.#next
  }

  /** Brings all that is served in line with the files. */
  async refresh (): Promise<void> {
    await this.load()
    for (let pending = this.#pending; pending.length > 0; pending = this.#pending) {
      await Promise.all(pending)
      await this.load()
    }
  }

  /** The app is ready: runs `__start__` of all modules; from now on, changes are followed. */
  start (): Promise<void> {
    return this.#enqueue(async () => {
      this.#started = true
      await this.#goLive()
      this.#watch()
      const modules = this.#live.size
      this.#log.info({ modules, problems: this.problems.length }, `fastify-microservices serves ${modules} modules`)
    })
  }

  async close (): Promise<void> {
    this.#closed = true
    this.#watcher?.close()
    this.#comeBack.close()
    await this.#last
    for (const version of this.#live) this.#retire(version)
    await Promise.race([Promise.all(this.#closing), new Promise(resolve => { setTimeout(resolve, CLOSE_MS).unref() })])
    await this.#makers.bundler.close()
  }

  /** Refreshes and the start take their turns: each begins with what the one before it left. */
  #enqueue (work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(() => this.#closed ? undefined : work())
    this.#last = turn.catch(() => {})
    return turn
  }

  async #refresh (): Promise<void> {
    const { files, directories, problems } = await scan(this.#settings)
    const known = new Map(this.#records.map(record => [record.source.file, record]))
    const records = files.map(source => known.get(source.file) ?? new ModuleRecord(source))
    const waiting = [...records]
    const work = async (): Promise<void> => {
      for (let record = waiting.shift(); record; record = waiting.shift()) await record.update(this.#makers, this.#settings)
    }
    await Promise.all(Array.from({ length: CONCURRENT_BUILDS }, work))
    await this.#makers.bundler.rest()

    this.#records = records
    this.#directories = directories
    this.#found = problems
    this.#beginTenants(records)
    await this.#waitForTenants()
    await this.#goLive()
    this.#watch()
    this.#comeBack.retry(records.some(({ isDue }) => isDue))
  }

  get #pending (): Array<Promise<void>> {
    return this.#records.flatMap(({ pending }) => pending ?? [])
  }

  /** In order, so that who has a tenant depends on the files and not on what was read first. */
  #beginTenants (records: readonly ModuleRecord[]): void {
    const admins = new Map<string, string>()
    for (const { owner, admin } of records) {
      if (admin !== undefined && !admins.has(owner)) admins.set(owner, admin)
    }
    this.#makers.workshop?.assign(admins)
    for (const record of records) {
      if (record.admin !== undefined) record.begin(this.#makers, admins.get(record.owner) as string)
    }
  }

  async #waitForTenants (): Promise<void> {
    const pending = this.#pending
    if (pending.length === 0) return
    const patience = Promise.withResolvers<void>()
    const timer = setTimeout(patience.resolve, this.#started ? PATIENCE_MS.running : PATIENCE_MS.starting)
    await Promise.race([Promise.all(pending), patience.promise])
    clearTimeout(timer)
    for (const late of this.#pending) void late.then(() => this.#comeBack.soon())
  }

  /** Modules that are done late need no look at all files, but a place in the snapshot. */
  #resume (): void {
    const isDue = this.#records.some(record => record.isDue)
    this.#follow(isDue ? this.load() : this.#enqueue(() => this.#goLive()).then(() => { if (this.#pending.length === 0) this.#watch() }))
  }

  #follow (work: Promise<void>): void {
    work.catch((error: unknown) => this.#log.error({ err: error }, 'plugin directories could not be refreshed'))
  }

  #watch (): void {
    if (!this.#started || this.#closed) return
    this.#watcher?.reconcile({ directories: this.#directories, files: this.#records.flatMap(record => record.inputs) })
  }

  /** Starts what is new and swaps. A module whose `__start__` fails falls back to its last good version, if it has one. */
  async #goLive (): Promise<void> {
    for (;;) {
      const candidates = this.#records.flatMap(({ version }) => version ?? [])
      const next = assemble(candidates, this.#settings)
      const modules = new Set([...next.namespaces.values()].flatMap(({ modules }) => modules))
      if (this.#started && !await this.#startAll([...modules].filter(module => !this.#live.has(module)))) continue

      this.#snapshot = next
      if (this.#started) this.#replace(modules)
      this.#report()
      return
    }
  }

  #replace (modules: ReadonlySet<ModuleVersion>): void {
    const replaced = [...this.#live].filter(version => !modules.has(version))
    this.#live = modules
    for (const record of this.#records) record.settle(modules)
    for (const version of replaced) this.#retire(version)
  }

  async #startAll (versions: ModuleVersion[]): Promise<boolean> {
    const results = await Promise.all(versions.map(async version => {
      try {
        await version.start(this.#app)
        return true
      } catch (error) {
        this.#records.find(record => record.version === version)?.fallBack(
          new ModuleError('FMS_ERR_MODULE', version.file, `__start__ failed: ${messageOf(error)}`, { cause: error }))
        return false
      }
    }))
    return results.every(Boolean)
  }

  #retire (version: ModuleVersion): void {
    const closing = version.close().catch((error: unknown) => {
      this.#log.error({ err: error, module: version.name, version: version.version }, `__close__ failed: ${version.file}`)
    }).finally(() => {
      this.#closing.delete(closing)
      if (version.guest) this.#makers.workshop?.retire(version.guest)
    })
    this.#closing.add(closing)
  }

  /** Logs each problem when it appears, not at every refresh. */
  #report (): void {
    const present = new Set<string>()
    for (const problem of this.problems) {
      const key = JSON.stringify(problem)
      present.add(key)
      if (!this.#reported.has(key)) this.#log.warn({ problem }, problem.message)
    }
    this.#reported.clear()
    for (const key of present) this.#reported.add(key)
  }
}
