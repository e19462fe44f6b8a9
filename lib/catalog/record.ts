import type { Problem } from '../../types/directory.ts'
import type { Settings } from '../options.ts'
import { messageOf } from '../errors.ts'
import { ModuleError } from '../source/problem.ts'
import { build, uploadedAs, versionOf } from './build.ts'
import type { Bundler } from './bundle.ts'
import { fingerprint } from './fingerprint.ts'
import { type Guest, rootOf, type Workshop } from './guest.ts'
import { ModuleVersion } from './module.ts'
import { ownerOf } from './ownership.ts'
import type { BuildQueue } from './queue.ts'
import type { ModuleFile } from './walk.ts'

/** What makes versions of modules: the bundler of trusted ones, and in multi-tenant mode the workshop of tenants'. */
export interface Makers {
  readonly bundler: Bundler
  readonly workshop: Workshop | undefined
  readonly queue: BuildQueue
  /** A version of an uploaded module that was made already, for whoever serves it from now on. */
  readonly made?: (source: ModuleFile) => ModuleVersion | undefined
}

interface Made {
  readonly version: ModuleVersion
  readonly inputs: readonly string[]
}

/** What is known of one module's files: the version to serve, and what stands in the way of a newer one. */
export class ModuleRecord {
  /** Another one's with each version of an uploaded module. */
  source: ModuleFile
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
  /** What stands in the way. */
  failure: ModuleError | undefined
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

  /** What is worth watching: nobody changes what was uploaded. */
  get watched (): string[] {
    return this.source.version === undefined ? this.inputs : []
  }

  get problems (): Problem[] {
    const { owner } = this
    return [...this.#problem ? [this.#problem] : [], ...(this.version?.problems ?? []).map(problem => ({ ...problem, owner }))]
  }

  /** Whether a tenant's module is to be looked at again although nobody asks: what it failed at was the system's, or it has changed meanwhile. */
  get isDue (): boolean {
    return this.isTenants && this.pending === undefined && (this.missed || this.#isNew || (this.#problem !== undefined && this.#retry))
  }

  /** Its module is these files now. What it serves stays until they are made. */
  moveTo (source: ModuleFile): void {
    if (source.version === this.source.version) return
    this.source = source
    this.#retry = true
  }

  /** Builds the module anew if its files changed, or failed before: what it lacked may be there now. A tenant's is only found out to be one. */
  async update (makers: Makers, settings: Settings): Promise<void> {
    this.missed = this.pending !== undefined
    if (this.missed || (!this.#retry && (this.source.version !== undefined || await this.#unchanged()))) return
    const { bundler } = makers
    const { source } = this
    await this.#make(async () => {
      const isAdmins = settings.admins.includes(source.owner)
      const id = isAdmins && settings.identified ? await bundler.identity(source.file) ?? null : undefined
      this.owner = ownerOf(source, id, settings)
      this.isTenants = !settings.admins.includes(this.owner)
      this.#isNew = this.isTenants
      return this.isTenants ? undefined : await this.#trusted(makers, id)
    }, { allInputsKnown: false })
  }

  /** A tenant's module, after it was updated: begins to make it, if that is due. */
  begin (makers: Makers, settings: Settings, admin: string): void {
    if (!this.#isNew || this.pending) return
    this.#isNew = false
    this.pending = makers.queue.add(this.owner, () => this.#make(() => this.#guest(makers, settings, admin), { allInputsKnown: true }))
      .finally(() => { this.pending = undefined })
  }

  /** Its tenant is none, or another admin's: nothing that was made of the module holds. */
  forget (): void {
    this.version = this.#lastGood = this.#problem = this.failure = undefined
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
    const { source } = this
    const readAt = Date.now()
    const before = await stampAll(this.inputs)
    const stamp = async (inputs: readonly string[]) => {
      const seen = await stampAll(inputs.filter(file => !before.has(file)), readAt)
      this.#stamps = new Map([...before, ...seen].filter(([file]) => inputs.includes(file) || file === source.file))
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
      // Moved on meanwhile, so that another look is due.
      if (this.source !== source) return
      this.version = made.version
      this.#problem = this.failure = undefined
      this.#retry = false
    } catch (error) {
      // Whatever else a module makes of our reading it, a getter that throws say, is its own failure, not the app's.
      const failure = error instanceof ModuleError ? error : new ModuleError('FMS_ERR_MODULE', source.file, messageOf(error), { cause: error })
      await stamp(failure.inputs)
      if (this.source !== source) return
      this.#fail(failure)
      this.#retry = !allInputsKnown || failure.inputs.length === 0
    }
  }

  async #trusted ({ bundler, made }: Makers, id: string | null | undefined): Promise<Made> {
    const { source } = this
    const known = this.#known(made)
    if (known !== undefined) return { version: known, inputs: [] }
    const bundle = await bundler.bundle(source.file)
    const isLastGood = this.#lastGood?.guest === undefined && this.#lastGood?.version === versionOf(bundle)
    return { version: isLastGood ? this.#lastGood as ModuleVersion : await build(source, bundle, id), inputs: bundle.inputs }
  }

  async #guest ({ workshop: given, made }: Makers, settings: Settings, admin: string): Promise<Made> {
    const { source, owner } = this
    const known = this.#known(made, admin)
    if (known !== undefined) return { version: known, inputs: [] }
    const workshop = given as Workshop
    const { name, file, version: upload } = source
    const built = await workshop.build({ owner, name, entry: file, root: rootOf(source, owner) })
    if (workshop.adminOf(owner) !== admin) throw new ModuleError('FMS_ERR_OWNER', file, `its tenant ${owner} changed hands while it was being built`)
    const { alias, identity, inputs } = built
    // A directory's is whoever's the directory is, whatever it says.
    if (upload !== undefined) ownerOf(source, identity, settings)
    const version = uploadedAs(source) ?? built.version
    const last = upload === undefined ? this.#lastGood : undefined
    if (last?.guest?.owner === owner && last.guest.admin === admin && last.version === version) return { version: last, inputs }
    const guest: Guest = { admin, owner, name, version, script: () => built.script() }
    const loaded = { exports: { __alias__: alias }, mapStack: (stack: string) => built.mapStack(stack) }
    return { version: new ModuleVersion({ owner, name, file, version, upload, guest }, loaded, built), inputs }
  }

  /** An uploaded module's version that need not be made again. */
  #known (made: Makers['made'], admin?: string): ModuleVersion | undefined {
    const { source } = this
    if (source.version === undefined) return undefined
    const last = this.#lastGood
    return last?.upload === source.version && last.guest?.admin === admin ? last : made?.(source)
  }

  #fail (error: ModuleError): void {
    this.version = this.#lastGood
    this.failure = error
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
}

/** The records of these modules: of those that are known already, the same. */
export function recordsOf (sources: readonly ModuleFile[], known: readonly ModuleRecord[]): ModuleRecord[] {
  const before = new Map(known.map(record => [keyOf(record.source), record]))
  return sources.map(source => {
    const record = before.get(keyOf(source)) ?? new ModuleRecord(source)
    record.moveTo(source)
    return record
  })
}

/** Uploaded modules go by their names, since each version has files of its own; no file's path looks like that. */
function keyOf ({ owner, name, file, version }: ModuleFile): string {
  return version === undefined ? file : `${owner}/${name}`
}

async function stampAll (files: Iterable<string>, readAt?: number): Promise<Map<string, string>> {
  return new Map(await Promise.all([...files].map(async file => [file, await fingerprint(file, readAt)] as const)))
}
