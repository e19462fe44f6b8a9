import type { Problem } from '../../types/directory.ts'
import type { Settings } from '../options.ts'
import { messageOf } from '../errors.ts'
import { canonicalUuid } from '../names.ts'
import { build, versionOf } from './build.ts'
import type { Bundler } from './bundle.ts'
import { fingerprint } from './fingerprint.ts'
import type { ModuleVersion } from './module.ts'
import { ModuleError } from '../source/problem.ts'
import type { ModuleFile } from './walk.ts'

/** What is known of one module's files: the version to serve, and what stands in the way of a newer one. */
export class ModuleRecord {
  readonly source: ModuleFile
  /** The newest version that loaded; the last good one, while the files are broken. */
  version: ModuleVersion | undefined
  #lastGood: ModuleVersion | undefined
  #problem: Problem | undefined
  /** Fingerprint by input file, of the last build. */
  #stamps: ReadonlyMap<string, string> = new Map()
  /** Files that may mend what failed. */
  #awaited: readonly string[] = []

  constructor (source: ModuleFile) {
    this.source = source
  }

  /** All local files that the module is made of, or waits for. */
  get inputs (): string[] {
    return [this.source.file, ...this.#stamps.keys(), ...this.#awaited]
  }

  get problems (): Problem[] {
    const { owner } = this.source
    return [...this.#problem ? [this.#problem] : [], ...(this.version?.problems ?? []).map(problem => ({ ...problem, owner }))]
  }

  /** Builds the module anew if its files changed, or failed before: what it lacked may be there now. */
  async update (bundler: Bundler, settings: Settings): Promise<void> {
    if (this.#problem === undefined && this.#stamps.size > 0 && await this.#unchanged()) return
    try {
      const readAt = Date.now()
      const before = await stampAll(this.inputs)
      const id = settings.identified ? await this.#readIdentity(bundler, settings) : undefined
      const bundle = await bundler.bundle(this.source.file)
      const seen = bundle.inputs.filter(file => !before.has(file))
      this.#stamps = new Map([...before, ...await stampAll(seen, readAt)].filter(([file]) => bundle.inputs.includes(file) || file === this.source.file))
      this.version = this.#lastGood?.version === versionOf(bundle) ? this.#lastGood : await build(this.source, bundle, id)
      this.#problem = undefined
      this.#awaited = []
    } catch (error) {
      // Whatever else a module makes of our reading it, a getter that throws say, is its own failure, not the app's.
      this.#fail(error instanceof ModuleError ? error : new ModuleError('FMS_ERR_MODULE', this.source.file, messageOf(error), { cause: error }))
    }
  }

  /** This version could not start. */
  fallBack (error: ModuleError): void {
    if (this.#lastGood === this.version) this.#lastGood = undefined
    this.#fail(error)
  }

  /** A new snapshot is live: what it serves of this module is its last good version. */
  settle (live: ReadonlySet<ModuleVersion>): void {
    if (this.version && live.has(this.version)) this.#lastGood = this.version
  }

  #fail (error: ModuleError): void {
    this.version = this.#lastGood
    this.#awaited = error.inputs
    this.#problem = {
      ...error.problem,
      owner: this.source.owner,
      message: this.version ? `${error.message} (version ${this.version.version} keeps serving)` : error.message
    }
  }

  async #unchanged (): Promise<boolean> {
    const now = await stampAll(this.#stamps.keys())
    return [...this.#stamps].every(([file, stamp]) => now.get(file) === stamp)
  }

  /** `__ID__` names an owner; one that is not this directory's refuses the module. */
  async #readIdentity (bundler: Bundler, { multiTenant, admins }: Settings): Promise<string | null> {
    const { file, owner, directory } = this.source
    const id = await bundler.identity(file) ?? null
    const uuid = id === null ? owner : canonicalUuid(id)
    if (uuid === owner) return id
    const reason = uuid === undefined
      ? 'which is no UUID'
      : admins.includes(uuid) ? 'which is another admin\'s' : multiTenant ? 'which no admin has' : 'which is not ADMIN_ID'
    throw new ModuleError('FMS_ERR_OWNER', file,
      `__ID__: expected ${owner}, the owner of ${directory}, or none; found ${JSON.stringify(id)}, ${reason}; the module is not served`)
  }
}

async function stampAll (files: Iterable<string>, readAt?: number): Promise<Map<string, string>> {
  return new Map(await Promise.all([...files].map(async file => [file, await fingerprint(file, readAt)] as const)))
}
