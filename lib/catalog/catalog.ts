import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Problem, Shadowed } from '../../types/directory.ts'
import { type Mask, maskedLog } from '../mask.ts'
import type { Settings } from '../options.ts'
import type { BuiltIn } from './built-in.ts'
import { Bundler } from './bundle.ts'
import { Changes } from './changes.ts'
import { ComeBack } from './come-back.ts'
import type { Workshop } from './guest.ts'
import type { ModuleVersion } from './module.ts'
import { BuildQueue } from './queue.ts'
import type { Makers } from './record.ts'
import { Reporter } from './report.ts'
import { findTenants, type TenantDirectories } from './scan.ts'
import { assemble, type Namespace, type Snapshot } from './snapshot.ts'
import type { TenantModules } from './tenant-modules.ts'
import { atMost, placesOf, TenantCatalog } from './tenant-catalog.ts'
import { TrustedModules } from './trusted.ts'
import { Watcher } from './watch.ts'

/** How long a look waits for tenants' modules: what is left of the second within which their neighbours' changes are live. */
const PATIENCE_MS = 250

/**
 * What the plugin directories hold, kept current. A look at the files builds what changed, and what it made of admins'
 * modules takes its place as one; calls under way keep the versions that they began with. Tenants' modules are made at
 * their first call, and each tenant's take their place by themselves.
 */
export class Catalog {
  readonly #settings: Settings
  readonly #log: FastifyBaseLogger
  readonly #makers: Makers
  readonly #trusted: TrustedModules
  readonly #tenants: TenantCatalog
  readonly #watcher: Watcher | undefined
  readonly #changes: Changes
  readonly #reporter: Reporter
  readonly #comeBack = new ComeBack(() => this.#resume())
  readonly #awaited = new WeakSet<Promise<void>>()
  #places: TenantDirectories = { directories: new Map(), problems: [] }
  #snapshot: Snapshot
  /** The snapshot's: tenants' come and go in it. */
  #namespaces = new Map<string, Namespace>()
  #audit: (snapshot: Snapshot) => readonly Problem[] = () => []
  #started = false
  #closed = false
  #last: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined

  /** @param builtIns what each admin has beside modules of files, where there are tenants */
  constructor (app: FastifyInstance, settings: Settings, mask: Mask | undefined, workshop: Workshop | undefined, builtIns: readonly BuiltIn[] = []) {
    this.#settings = settings
    this.#log = maskedLog(app.log, mask)
    this.#makers = { bundler: new Bundler(), workshop, queue: new BuildQueue() }
    this.#trusted = new TrustedModules({ app, settings, makers: this.#makers, log: this.#log, builtIns })
    this.#tenants = new TenantCatalog({ makers: this.#makers, settings, onLive: tenant => this.#follow(tenant), onFailure: error => this.#fail(error) })
    this.#changes = new Changes(settings.tenantsDirectory)
    this.#reporter = new Reporter(this.#log)
    this.#snapshot = assemble([], settings)
    if (settings.watch !== false) {
      const onChange = (directories: ReadonlySet<string>): void => { this.#load(directories).catch(error => this.#fail(error)) }
      this.#watcher = new Watcher({ mode: settings.watch, onChange, log: this.#log })
    }
  }

  /** What is served now. */
  get snapshot (): Snapshot {
    return this.#snapshot
  }

  /** All modules that are served: admins' in their order, then those of tenants that were called. */
  get modules (): ModuleVersion[] {
    return [...this.#settings.multiTenant ? this.#settings.admins : ['']].flatMap(owner => this.#namespaces.get(owner)?.modules ?? []).concat(this.#tenants.modules)
  }

  /** All that is not served, and why. Of tenants that were never called nothing is known but whether they exist. */
  get problems (): readonly Problem[] {
    return [...this.#ownProblems, ...this.#tenants.problems]
  }

  get shadowed (): readonly Shadowed[] {
    return [...this.#snapshot.shadowed, ...this.#tenants.shadowed]
  }

  /** Lets whoever serves the snapshots say what of them cannot be served. */
  auditWith (audit: (snapshot: Snapshot) => readonly Problem[]): void {
    this.#audit = audit
  }

  /** What a call must wait for before the snapshot is asked: its tenant's modules, at its first. Never rejects. */
  prepare (owner: string): Promise<void> | undefined {
    return this.#tenants.prepare(owner)
  }

  /** Until one more of a tenant's modules that are being made is there; undefined where none is. Never rejects. */
  preparing (owner: string): Promise<void> | undefined {
    return this.#tenants.preparing(owner)
  }

  /** These tenants may exist now, or no longer, or be another admin's. */
  ownersChanged (uuids: Iterable<string>): void {
    this.#tenants.ownersChanged(uuids)
  }

  /** Brings what is served in line with the files: of tenants, those that were called. What takes their modules long comes in later. */
  load (): Promise<void> {
    return this.#load()
  }

  /** Brings all that there is in line with the files, whether it was called or not. */
  async refresh (): Promise<void> {
    await this.load()
    this.#tenants.wakeAll()
    for (let pending = this.#tenants.pending; pending.length > 0; pending = this.#tenants.pending) {
      await Promise.all(pending)
      await this.load()
    }
  }

  /** The app is ready: runs `__start__` of all admins' modules; from now on, changes are followed. */
  start (): Promise<void> {
    return this.#enqueue(async () => {
      this.#started = true
      await this.#goLive()
      this.#watch()
      const { size } = this.#trusted
      const modules = size + this.#tenants.modules.length
      this.#log.info({ modules, problems: this.problems.length }, `fastify-microservices serves ${modules} modules`)
    })
  }

  async close (): Promise<void> {
    this.#closed = true
    this.#watcher?.close()
    this.#comeBack.close()
    await this.#last
    for (const { guest } of this.#tenants.modules) if (guest) this.#makers.workshop?.retire(guest)
    await this.#trusted.close()
    await this.#makers.bundler.close()
  }

  get #ownProblems (): Problem[] {
    return [...this.#places.problems, ...this.#trusted.problems, ...this.#snapshot.problems, ...this.#audit(this.#snapshot)]
  }

  /** @param directories where something changed; anywhere, if undefined */
  #load (directories?: ReadonlySet<string>): Promise<void> {
    this.#changes.add(directories)
    // One at a time; who comes while one runs shares the next.
    this.#next ??= this.#enqueue(() => {
      this.#next = undefined
      return this.#refresh()
    })
    return this.#next
  }

  /** Looks and the start take their turns: each begins with what the one before it left. */
  #enqueue (work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(() => this.#closed ? undefined : work())
    this.#last = turn.catch(() => {})
    return turn
  }

  async #refresh (): Promise<void> {
    const touched = this.#changes.take()
    await this.#trusted.look()
    if (touched.tenantsDirectory) this.#places = await findTenants(this.#settings)
    const moved = new Set(this.#tenants.arrange(placesOf(this.#places.directories, this.#trusted.records), this.#started))
    const due = this.#tenants.awake.filter(tenant =>
      moved.has(tenant) || tenant.isDue || tenant.places.given.length > 0 || touched.concerns(tenant.places.directories))
    await Promise.all(due.map(tenant => tenant.look()))
    await atMost(PATIENCE_MS, due.flatMap(({ pending }) => pending))
    for (const tenant of due) this.#await(tenant)
    await this.#goLive()
    this.#watch()
    this.#comeBack.retry(this.#tenants.isDue)
  }

  /** Modules that are done late need no look at all files, but a place in the snapshot. */
  #resume (): void {
    const take = async (): Promise<void> => {
      await this.#goLive()
      this.#watch()
    }
    const work = this.#tenants.isDue ? this.#load(new Set()) : this.#enqueue(take)
    work.catch(error => this.#fail(error))
  }

  #watch (): void {
    if (!this.#started || this.#closed || this.#watcher === undefined) return
    const { tenantsDirectory } = this.#settings
    const all = [this.#trusted.watched, ...this.#tenants.awake.map(({ watched }) => watched)]
    this.#watcher.reconcile({
      directories: [...tenantsDirectory === undefined ? [] : [tenantsDirectory], ...all.flatMap(({ directories }) => directories)],
      files: all.flatMap(({ files }) => files)
    })
  }

  /** Starts what is new and swaps. */
  async #goLive (): Promise<void> {
    const snapshot = await this.#trusted.assemble(this.#started)
    this.#namespaces = new Map([...snapshot.namespaces, ...this.#tenants.namespaces])
    this.#snapshot = { ...snapshot, namespaces: this.#namespaces }
    if (this.#started) this.#trusted.replace(snapshot)
    for (const tenant of this.#tenants.awake) this.#settle(tenant)
    this.#reporter.report('', [...this.#ownProblems, ...this.#tenants.asleep.flatMap(({ problems }) => problems)])
  }

  /** Puts a tenant's modules in place. What they replace ends with the calls that it has. */
  #settle (tenant: TenantModules): void {
    const replaced = tenant.settle()
    const { owner, served: { namespace } } = tenant
    if (namespace.modules.length > 0) this.#namespaces.set(owner, namespace)
    else this.#namespaces.delete(owner)
    for (const { guest } of replaced) if (guest) this.#makers.workshop?.retire(guest)
    this.#reporter.report(owner, tenant.isAwake ? tenant.problems : [])
  }

  /** What is served of a tenant may have changed beside the looks. */
  #follow (tenant: TenantModules): void {
    if (this.#closed) return
    this.#settle(tenant)
    this.#await(tenant)
    // For the watching.
    this.#comeBack.soon()
  }

  /** What goes on being made has its place when it is done. */
  #await ({ pending }: TenantModules): void {
    for (const late of pending) {
      if (this.#awaited.has(late)) continue
      this.#awaited.add(late)
      void late.then(() => this.#comeBack.soon())
    }
  }

  #fail (error: unknown): void {
    this.#log.error({ err: error }, 'plugin directories could not be refreshed')
  }
}
