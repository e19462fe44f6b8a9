import type { Problem } from '../../types/directory.ts'
import type { Settings } from '../options.ts'
import { messageOf } from '../errors.ts'
import { canonicalUuid } from '../names.ts'
import { ModuleError } from '../source/problem.ts'
import { build, versionOf } from './build.ts'
import type { Bundler } from './bundle.ts'
import { fingerprint } from './fingerprint.ts'
import { type Guest, rootOf, type Workshop } from './guest.ts'
import { ModuleVersion } from './module.ts'
import type { BuildQueue } from './queue.ts'
import type { ModuleFile } from './walk.ts'

/** What makes versions of modules: the bundler of trusted ones, and in multi-tenant mode the workshop of tenants'. */
export interface Makers {
  readonly bundler: Bundler
  readonly workshop: Workshop | undefined
  readonly queue: BuildQueue
}

interface Made {
  readonly version: ModuleVersion
  readonly inputs: readonly string[]
}

/** What is known of one module's files: the version to serve, and what stands in the way of a newer one. */
export class ModuleRecord {
  readonly source: ModuleFile
  /** Whose it is: the directory's owner, or the tenant that `__ID__` names. */
  owner: string
  /** The newest version that loaded; the last good one, while the files are broken. */
  version: ModuleVersion | undefined
  /** Whether that is a tenant. */
  isTenants = false
  /** A tenant's module being made. It is waited for only as long as its neighbours can bear. */
  pending: Promise<void> | undefined
  /** Whether a look at its files was due while it was being made. */
  missed = false
  #lastGood: ModuleVersion | undefined
  #problem: Problem | undefined
  /** Fingerprint by input file, of the last build. */
  #stamps: ReadonlyMap<string, string> = new Map()
  /** A tenant's module that is to be made. */
  #isNew = false
  /** Whether another try may end otherwise although no input changed. */
  #retry = true

  constructor (source: ModuleFile) {
    this.source = source
    this.owner = source.owner
  }

  /** All local files that the module is made of, or waits for. */
  get inputs (): string[] {
    return [...new Set([this.source.file, ...this.#stamps.keys()])]
  }

  get problems (): Problem[] {
    const { owner } = this
    return [...this.#problem ? [this.#problem] : [], ...(this.version?.problems ?? []).map(problem => ({ ...problem, owner }))]
  }

  /** Whether a tenant's module is to be looked at again although nobody asks: what it failed at was the system's, or it has changed meanwhile. */
  get isDue (): boolean {
    return this.isTenants && this.pending === undefined && (this.missed || this.#isNew || (this.#problem !== undefined && this.#retry))
  }

  /** Builds the module anew if its files changed, or failed before: what it lacked may be there now. A tenant's is only found out to be one. */
  async update ({ bundler }: Makers, settings: Settings): Promise<void> {
    this.missed = this.pending !== undefined
    if (this.missed || (!this.#retry && await this.#unchanged())) return
    const { source } = this
    await this.#make(async () => {
      const isAdmins = settings.admins.includes(source.owner)
      const id = isAdmins && settings.identified ? await bundler.identity(source.file) ?? null : undefined
      this.owner = this.#ownerOf(id, settings)
      this.isTenants = !settings.admins.includes(this.owner)
      this.#isNew = this.isTenants
      return this.isTenants ? undefined : await this.#trusted(bundler, id)
    }, { allInputsKnown: false })
  }

  /** A tenant's module, after it was updated: begins to make it, if that is due. */
  begin ({ queue, workshop }: Makers, admin: string): void {
    if (!this.#isNew || this.pending) return
    this.#isNew = false
    this.pending = queue.add(this.owner, () => this.#make(() => this.#guest(workshop as Workshop, admin), { allInputsKnown: true }))
      .finally(() => { this.pending = undefined })
  }

  /** Its tenant is none, or another admin's: nothing that was made of the module holds. */
  forget (): void {
    this.version = this.#lastGood = this.#problem = undefined
    this.#isNew = this.isTenants
    this.missed ||= this.pending !== undefined
  }

  /** This version could not start. */
  fallBack (error: ModuleError): void {
    if (this.#lastGood === this.version) this.#lastGood = undefined
    this.#fail(error)
    this.#retry = true
  }

  /** A new snapshot is live: what it serves of this module is its last good version. */
  settle (live: ReadonlySet<ModuleVersion>): void {
    if (this.version && live.has(this.version)) this.#lastGood = this.version
  }

  /** @param allInputsKnown as a tenant's are, so that a hostile module costs its seconds once, not at every refresh */
  async #make (make: () => Promise<Made | undefined>, { allInputsKnown }: { allInputsKnown: boolean }): Promise<void> {
    const readAt = Date.now()
    const before = await stampAll(this.inputs)
    const stamp = async (inputs: readonly string[]) => {
      const seen = await stampAll(inputs.filter(file => !before.has(file)), readAt)
      this.#stamps = new Map([...before, ...seen].filter(([file]) => inputs.includes(file) || file === this.source.file))
    }
    try {
      const made = await make()
      if (made === undefined) {
        // To be gone on with by `begin`, whenever that is.
        this.#stamps = before
        this.#retry = false
        return
      }
      await stamp(made.inputs)
      this.version = made.version
      this.#problem = undefined
      this.#retry = false
    } catch (error) {
      // Whatever else a module makes of our reading it, a getter that throws say, is its own failure, not the app's.
      const failure = error instanceof ModuleError ? error : new ModuleError('FMS_ERR_MODULE', this.source.file, messageOf(error), { cause: error })
      await stamp(failure.inputs)
      this.#fail(failure)
      this.#retry = !allInputsKnown || failure.inputs.length === 0
    }
  }

  async #trusted (bundler: Bundler, id: string | null | undefined): Promise<Made> {
    const bundle = await bundler.bundle(this.source.file)
    const isLastGood = this.#lastGood?.guest === undefined && this.#lastGood?.version === versionOf(bundle)
    return { version: isLastGood ? this.#lastGood as ModuleVersion : await build(this.source, bundle, id), inputs: bundle.inputs }
  }

  async #guest (workshop: Workshop, admin: string): Promise<Made> {
    const { source, owner } = this
    const { name, file } = source
    const built = await workshop.build({ owner, name, entry: file, root: rootOf(source, owner) })
    if (workshop.adminOf(owner) !== admin) throw new ModuleError('FMS_ERR_OWNER', file, `its tenant ${owner} changed hands while it was being built`)
    const { version, alias, inputs } = built
    const { guest: known } = this.#lastGood ?? {}
    if (known?.owner === owner && known.admin === admin && known.version === version) return { version: this.#lastGood as ModuleVersion, inputs }
    const guest: Guest = { admin, owner, name, version, script: () => built.script() }
    const loaded = { exports: { __alias__: alias }, mapStack: (stack: string) => built.mapStack(stack) }
    return { version: new ModuleVersion({ owner, name, file, version, guest }, loaded, built), inputs }
  }

  #fail (error: ModuleError): void {
    this.version = this.#lastGood
    this.#problem = {
      ...error.problem,
      owner: this.owner,
      message: this.version ? `${error.message} (version ${this.version.version} keeps serving)` : error.message
    }
  }

  async #unchanged (): Promise<boolean> {
    const now = await stampAll(this.#stamps.keys())
    return [...this.#stamps].every(([file, stamp]) => now.get(file) === stamp)
  }

  /** `__ID__` names an owner: the directory's, or a tenant. Any other refuses the module. */
  #ownerOf (id: string | null | undefined, { multiTenant, admins }: Settings): string {
    const { file, owner, directory } = this.source
    const uuid = id == null ? owner : canonicalUuid(id)
    if (uuid === owner || (uuid !== undefined && multiTenant && !admins.includes(uuid))) return uuid
    const reason = uuid === undefined ? 'which is no UUID' : admins.includes(uuid) ? 'which is another admin\'s' : 'which is not ADMIN_ID'
    throw new ModuleError('FMS_ERR_OWNER', file,
      `__ID__: expected ${owner}, the owner of ${directory}, ${multiTenant ? 'a tenant\'s UUID, ' : ''}or none; found ${JSON.stringify(id)}, ${reason}; the module is not served`)
  }
}

async function stampAll (files: Iterable<string>, readAt?: number): Promise<Map<string, string>> {
  return new Map(await Promise.all([...files].map(async file => [file, await fingerprint(file, readAt)] as const)))
}
