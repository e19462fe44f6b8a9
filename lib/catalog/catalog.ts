import { join } from 'node:path'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Problem, Shadowed } from '../../types/directory.ts'
import { type Mask, maskedLog } from '../mask.ts'
import type { Settings } from '../options.ts'
import type { SourceFile } from '../source/files.ts'
import { ModuleError } from '../source/problem.ts'
import { type BuiltIn, BuiltIns } from './built-in.ts'
import { Bundler } from './bundle.ts'
import { Endings } from './endings.ts'
import type { Workshop } from './guest.ts'
import { Live } from './live.ts'
import { Looks } from './looks.ts'
import type { ModuleVersion } from './module.ts'
import { Previews } from './previews.ts'
import { BuildQueue } from './queue.ts'
import type { Makers } from './record.ts'
import type { Namespace, Snapshot } from './snapshot.ts'
import { TenantCatalog } from './tenant-catalog.ts'
import { TrustedModules } from './trusted.ts'
import { nothingUploaded, type UploadedVersions, Uploads } from './uploads.ts'
import { relativeError, VersionFolders } from './version-folders.ts'
import type { ModuleFile } from './walk.ts'

/**
 * What the plugin directories hold and what was uploaded, kept current. A look at the files builds what changed, and what
 * it made of admins' modules takes its place as one; calls under way keep the versions that they began with. Tenants'
 * modules are made at their first call, and each tenant's take their place by themselves. Uploaded modules are found by
 * their owner's name, not in a directory, and looked at when another version of one is activated.
 */
export class Catalog {
  readonly #settings: Settings
  readonly #log: FastifyBaseLogger
  readonly #makers: Makers
  readonly #builtIns: BuiltIns
  readonly #uploads: Uploads
  readonly #previews: Previews
  readonly #endings: Endings
  readonly #trusted: TrustedModules
  readonly #tenants: TenantCatalog
  readonly #live: Live
  readonly #looks: Looks

  /** @param builtIns what owners have beside modules of their own */
  constructor (
    app: FastifyInstance, settings: Settings, mask: Mask | undefined, workshop: Workshop | undefined,
    builtIns: readonly BuiltIn[] = [], uploaded: UploadedVersions = nothingUploaded
  ) {
    const log = maskedLog(app.log, mask)
    const folders = new VersionFolders(join(settings.dataDirectory, 'uploads'), uploaded)
    const makers = { bundler: new Bundler(), workshop, queue: new BuildQueue() }
    const endings = new Endings(workshop, log)
    const uploads = new Uploads(uploaded, folders)
    const previews = new Previews({ app, settings, makers, uploaded, folders, endings })
    const common = { settings, uploads, makers: { ...makers, made: (source: ModuleFile) => previews.take(source) } }
    this.#builtIns = new BuiltIns(builtIns, settings)
    this.#trusted = new TrustedModules({ ...common, app, endings, builtIns: this.#builtIns.ofAdmins })
    this.#tenants = new TenantCatalog({
      ...common,
      onLive: tenant => this.#looks.take(tenant),
      onFailure: error => log.error({ err: error }, 'a tenant\'s modules could not be looked at')
    })
    const rooms = { settings, trusted: this.#trusted, tenants: this.#tenants, uploads, endings, log }
    this.#live = new Live(rooms)
    this.#looks = new Looks({ ...rooms, live: this.#live })
    this.#settings = settings
    this.#log = log
    this.#makers = makers
    this.#uploads = uploads
    this.#previews = previews
    this.#endings = endings
  }

  /** What is served now. */
  get snapshot (): Snapshot {
    return this.#live.snapshot
  }

  /** All modules that are served: admins' in their order, then those of tenants that were called. */
  get modules (): ModuleVersion[] {
    return this.#live.modules
  }

  /** All that is not served, and why. Of tenants that were never called nothing is known but whether they exist. */
  get problems (): readonly Problem[] {
    return this.#live.problems
  }

  get shadowed (): readonly Shadowed[] {
    return this.#live.shadowed
  }

  /** Lets whoever serves the snapshots say what of them cannot be served. */
  auditWith (audit: (snapshot: Snapshot) => readonly Problem[]): void {
    this.#live.auditWith(audit)
  }

  /** What a call must wait for before the snapshot is asked: its tenant's modules, at its first. Never rejects. */
  prepare (owner: string): Promise<void> | undefined {
    return this.#tenants.prepare(owner)
  }

  /** Until one more of a tenant's modules that are being made is there; undefined where none is. Never rejects. */
  preparing (owner: string): Promise<void> | undefined {
    return this.#tenants.preparing(owner)
  }

  /** A tenant's built-in modules, which are there whether it was called or not. */
  management (owner: string): Namespace | undefined {
    return this.#builtIns.ofTenant(owner)
  }

  /** The version that is served now of that name. */
  live (owner: string, module: string): ModuleVersion | undefined {
    return this.#live.find(owner, module)
  }

  /**
   * Makes a version of an uploaded module without serving it: writes it to the disk, and reads what it exports. An admin's
   * runs in this process, without `__start__`. Calling it is for `preview`, serving it for whoever activates it.
   *
   * @throws {ModuleError} whose files are relative to the module's folder
   */
  async make (owner: string, module: string, version: string, files: readonly SourceFile[]): Promise<ModuleVersion> {
    const live = this.live(owner, module)
    return live?.upload === version ? live : await this.#previews.make({ owner, module, version }, files)
  }

  /** Leaves nothing of a version that was made and not kept, unless it is active. */
  discard (owner: string, module: string, version: string): Promise<void> {
    return this.#previews.discard({ owner, module, version })
  }

  /** One version that is uploaded, made if need be, as all that there is; undefined where none, or no single one, begins with that. */
  preview (owner: string, module: string, prefix: string): Promise<Namespace | undefined> {
    return this.#previews.find(owner, module, prefix, this.live(owner, module))
  }

  /**
   * Serves what is active of an owner's uploads; what cannot be made leaves in place what was served before it.
   *
   * @param module the only one that matters to whoever waits
   * @throws {ModuleError} where it, or one of them, is not served now
   */
  async follow (owner: string, module?: string): Promise<void> {
    await this.#looks.follow(owner, module)
    if (module !== undefined && !this.#uploads.knows(owner, module)) await this.#previews.forget(owner, module)
    for (const [name, version] of this.#uploads.active(owner, module)) {
      if (this.live(owner, name)?.upload === version) continue
      const why = this.problems.flatMap(problem => relativeError(problem, { owner, module: name, version }) ?? [])
      throw why[0] ?? new ModuleError('FMS_ERR_UNAVAILABLE', name, `version ${version} of ${name} is not served yet`)
    }
  }

  /** These owners may exist now, or no longer, be another admin's, or have activated what they uploaded. */
  ownersChanged (uuids: Iterable<string>): void {
    this.#tenants.ownersChanged(uuids)
    for (const owner of uuids) {
      if (!this.#exists(owner)) {
        this.#previews.end(owner)
        void this.#uploads.forget(owner)
      } else if (!this.#uploads.isCurrent(owner)) {
        this.#looks.followSoon(owner)
      }
    }
  }

  /** Brings what is served in line with the files: of tenants, those that were called. What takes their modules long comes in later. */
  load (): Promise<void> {
    return this.#looks.all()
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
  async start (): Promise<void> {
    await this.#looks.start()
    const modules = this.#trusted.size + this.#tenants.modules.length
    this.#log.info({ modules, problems: this.problems.length }, `fastify-microservices serves ${modules} modules`)
    this.#uploads.sweep(owner => this.#exists(owner))
  }

  async close (): Promise<void> {
    await this.#looks.close()
    await this.#uploads.close()
    for (const version of this.#tenants.modules) this.#endings.end(version)
    this.#trusted.close()
    this.#previews.end()
    await this.#endings.done()
    await this.#makers.bundler.close()
  }

  #exists (owner: string): boolean {
    return this.#settings.admins.includes(owner) || this.#makers.workshop?.adminOf(owner) !== undefined
  }
}
