import type { Problem } from '../../types/directory.ts'
import type { Settings } from '../options.ts'
import type { ModuleVersion } from './module.ts'
import { nowhere, type Places } from './places.ts'
import { type Makers, type ModuleRecord, recordsOf } from './record.ts'
import { walkPresent } from './scan.ts'
import { type Assembled, assembleOwner } from './snapshot.ts'
import type { Uploads } from './uploads.ts'

const nothing = assembleOwner([])

export interface TenantOptions {
  readonly makers: Makers
  readonly settings: Settings
  readonly uploads: Uploads
}

/** One tenant's modules: unknown until somebody calls, then made, and kept current like everyone's. */
export class TenantModules {
  readonly owner: string
  /** Whose it is; undefined where nobody has registered it. */
  admin: string | undefined
  /** Whether its modules are made, and followed. */
  isAwake = false
  /** The first call's wait. */
  waking: Promise<void> | undefined
  /** The wait for one more of its modules: one for all callers, of whom there may be any number. */
  next: Promise<void> | undefined
  readonly #makers: Makers
  readonly #settings: Settings
  readonly #uploads: Uploads
  #places = nowhere
  #own: readonly ModuleRecord[] = []
  #found: readonly Problem[] = []
  #folders: readonly string[] = []
  #last: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  #versions: readonly ModuleVersion[] = []
  #served: Assembled = nothing

  constructor (owner: string, { makers, settings, uploads }: TenantOptions) {
    this.owner = owner
    this.#makers = makers
    this.#settings = settings
    this.#uploads = uploads
    this.admin = makers.workshop?.adminOf(owner)
  }

  get places (): Places {
    return this.#places
  }

  set places (places: Places) {
    this.#places = places
    this.#forgetRefused()
  }

  /** What is served of it now. */
  get served (): Assembled {
    return this.#served
  }

  /** What is being made, or got from the store before. */
  get pending (): Array<Promise<void>> {
    return [this.#uploads.pendingOf(this.owner), ...this.#records.map(({ pending }) => pending)].filter(pending => pending !== undefined)
  }

  get isDue (): boolean {
    return this.isAwake && (this.isBehind || this.#records.some(record => record.isDue))
  }

  /** Whether what was uploaded came after the last look. */
  get isBehind (): boolean {
    const sources = this.#uploads.sourcesOf(this.owner)
    const uploaded = this.#own.filter(({ source }) => source.version !== undefined)
    return sources.length !== uploaded.length || sources.some((source, i) => source.version !== uploaded[i]?.source.version)
  }

  get problems (): Problem[] {
    if (!this.isAwake && this.#places.given.length === 0) return this.#ownerProblems()
    return [
      ...this.#ownerProblems(), ...this.#uploads.problemsOf(this.owner), ...this.#found,
      ...this.#records.flatMap(({ problems }) => problems), ...this.#served.problems
    ]
  }

  /** What is worth watching: nothing before it is called. */
  get watched (): { directories: string[], files: string[] } {
    if (!this.isAwake) return { directories: [], files: [] }
    return { directories: [...this.#places.directories.map(({ path }) => path), ...this.#folders], files: this.#records.flatMap(({ watched }) => watched) }
  }

  /** Looks at its files, and begins to make what changed. */
  look (): Promise<void> {
    // One at a time; who comes while one runs shares the next.
    if (this.#next === undefined) {
      this.#next = this.#last.then(() => {
        this.#next = undefined
        return this.#look()
      })
      this.#last = this.#next.catch(() => {})
    }
    return this.#next
  }

  /** Looks until its uploaded modules, or that one, are made, or cannot be. */
  async follow (module?: string): Promise<void> {
    let again: boolean
    do {
      await this.look()
      const uploaded = this.#own.filter(({ source }) => source.version !== undefined && (module === undefined || source.name === module))
      await Promise.all(uploaded.map(({ pending }) => pending))
      // The version before was still being made.
      again = uploaded.some(({ missed }) => missed)
    } while (again)
  }

  /** Puts in place what is made; returns what that replaces. */
  settle (): ModuleVersion[] {
    const versions = this.#records.flatMap(({ version }) => version?.guest?.owner === this.owner && version.guest.admin === this.admin ? version : [])
    if (versions.length === this.#versions.length && versions.every((version, i) => version === this.#versions[i])) return []
    const before = this.#served.namespace.modules
    this.#versions = versions
    this.#served = assembleOwner(versions)
    const live = new Set(this.#served.namespace.modules)
    for (const record of this.#records) record.settle(live)
    return before.filter(version => !live.has(version))
  }

  /** Nothing of it is made any more, until the next call. */
  sleep (): void {
    this.isAwake = false
    this.waking = this.next = undefined
    this.#own = []
    this.#found = []
    this.#folders = []
    for (const record of this.#places.given) {
      if (record.version?.guest?.owner === this.owner || this.#isNamedBy(record)) record.forget()
    }
  }

  /** Those that the tenant may have, in the order of the directories, after what was uploaded. */
  get #records (): ModuleRecord[] {
    const given = this.#places.given.filter(record => !this.#isRefused(record))
    if (given.length === 0 || this.#own.length === 0) return [...given, ...this.#own]
    const order = this.#settings.directories.map(({ path }) => path)
    // The folder in TENANTS_DIR is not among them, and comes last.
    const rank = ({ source: { version, directory } }: ModuleRecord): number =>
      version === undefined ? (order.indexOf(directory) + order.length + 1) % (order.length + 1) : -1
    return [...given, ...this.#own].sort((one, other) => rank(one) - rank(other))
  }

  /** An admin's directory names only that admin's tenants. */
  #isRefused (record: ModuleRecord): boolean {
    return this.#isNamedBy(record) && record.source.owner !== this.owner && record.source.owner !== this.admin
  }

  #isNamedBy ({ isTenants, owner }: ModuleRecord): boolean {
    return isTenants && owner === this.owner
  }

  /** Not even a version serves that was the admin's own before. */
  #forgetRefused (): void {
    for (const record of this.#places.given) {
      if (this.#isRefused(record) && record.version) record.forget()
    }
  }

  async #look (): Promise<void> {
    const { admin } = this
    const { directories, given } = this.#places
    const { files, folders, problems } = await walkPresent(directories)
    const own = recordsOf([...this.#uploads.sourcesOf(this.owner), ...files], this.#own)
    await Promise.all(own.map(record => record.update(this.#makers, this.#settings)))
    // Whatever happened meanwhile: nothing is made for who is asleep, and of another admin's tenant nothing is kept.
    if (!this.isAwake || admin === undefined || this.admin !== admin) return
    this.#own = own
    this.#found = problems
    this.#folders = folders
    for (const record of [...given, ...own]) {
      if (this.#isNamedBy(record) && !this.#isRefused(record)) record.begin(this.#makers, this.#settings, admin)
    }
  }

  #ownerProblems (): Problem[] {
    const { owner, admin } = this
    // Of most there is nothing to say, and there may be 10,000.
    if (admin !== undefined && this.#places.given.length === 0) return []
    const refused = this.#places.given.filter(record => this.#isRefused(record))
    return [
      ...(admin === undefined ? this.#places.directories : []).map(({ path }): Problem => ({
        code: 'FMS_ERR_OWNER',
        owner: this.#settings.admins[0] as string,
        file: path,
        message: `expected a registered tenant's folder; found that of ${owner}, whom nobody has registered; register it, or name it in option \`tenants\``
      })),
      ...refused.map(({ source }): Problem => ({
        code: 'FMS_ERR_OWNER',
        owner: source.owner,
        file: source.file,
        message: `__ID__: expected a tenant of ${source.owner}, the admin of ${source.directory}; found ${owner}, ` + (admin === undefined
          ? 'whom nobody has registered; register it, or name it in option `tenants`'
          : 'which is another admin\'s tenant; the module is not served')
      }))
    ]
  }
}
