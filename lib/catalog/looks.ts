import type { FastifyBaseLogger } from 'fastify'
import type { Settings } from '../options.ts'
import { Changes } from './changes.ts'
import { ComeBack } from './come-back.ts'
import type { Live } from './live.ts'
import type { TenantModules } from './tenant-modules.ts'
import { atMost, type TenantCatalog } from './tenant-catalog.ts'
import type { TrustedModules } from './trusted.ts'
import { Turns } from './turns.ts'
import type { Uploads } from './uploads.ts'
import { Watcher } from './watch.ts'

/** How long a look waits for tenants' modules: what is left of the second within which their neighbours' changes are live. */
const PATIENCE_MS = 250

export interface LooksOptions {
  readonly settings: Settings
  readonly trusted: TrustedModules
  readonly tenants: TenantCatalog
  readonly uploads: Uploads
  readonly live: Live
  readonly log: FastifyBaseLogger
}

/** Looks at files, and at what is uploaded, when something of them may have changed, and has what was made of it served. */
export class Looks {
  readonly #options: LooksOptions
  readonly #watcher: Watcher | undefined
  readonly #changes: Changes
  readonly #comeBack = new ComeBack(() => this.#resume())
  readonly #turns = new Turns()
  #next: Promise<void> | undefined
  #started = false
  #closed = false

  constructor (options: LooksOptions) {
    const { settings: { watch, tenantsDirectory }, log } = options
    this.#options = options
    this.#changes = new Changes(tenantsDirectory)
    if (watch !== false) {
      const onChange = (directories: ReadonlySet<string>): void => { this.#look(directories).catch(error => this.#fail(error)) }
      this.#watcher = new Watcher({ mode: watch, onChange, log })
    }
  }

  /** At everything of admins, and of tenants that were called. What takes tenants' modules long comes in later. */
  async all (): Promise<void> {
    const { settings: { admins }, uploads } = this.#options
    await Promise.all(admins.map(admin => uploads.place(admin)))
    await this.#look()
  }

  /** At one owner's uploads: until they, or that one, are served, or cannot be made. */
  async follow (owner: string, module?: string): Promise<void> {
    const { settings: { admins }, tenants, trusted, uploads, live } = this.#options
    await uploads.place(owner)
    if (!admins.includes(owner)) {
      await tenants.follow(owner, module)
    } else {
      await this.#turns.take(async () => {
        await trusted.lookAtUploads()
        await live.swap(this.#started)
      })
    }
    this.#later()
  }

  /** The same when there is time, of an admin or of a tenant that was called: others' are looked at when they are. */
  followSoon (owner: string): void {
    const { settings: { admins }, tenants } = this.#options
    if (!this.#closed && (admins.includes(owner) || tenants.isAwake(owner))) this.follow(owner).catch(error => this.#fail(error))
  }

  /** From now on versions are started, and changes are followed. */
  async start (): Promise<void> {
    await this.#turns.take(async () => {
      this.#started = true
      await this.#swap()
    })
  }

  /** What is served of a tenant may have changed beside the looks. */
  take (tenant: TenantModules): void {
    if (this.#closed) return
    this.#options.live.settle(tenant)
    this.#comeBack.after(tenant.pending)
    // For the watching.
    this.#comeBack.soon()
  }

  async close (): Promise<void> {
    this.#closed = true
    this.#watcher?.close()
    this.#comeBack.close()
    await this.#turns.close()
  }

  /** @param directories where something changed; anywhere, if undefined */
  #look (directories?: ReadonlySet<string>): Promise<void> {
    this.#changes.add(directories)
    // One at a time; who comes while one runs shares the next.
    this.#next ??= this.#turns.take(() => {
      this.#next = undefined
      return this.#lookNow()
    })
    return this.#next
  }

  async #lookNow (): Promise<void> {
    const { trusted, tenants } = this.#options
    const touched = this.#changes.take()
    await trusted.look()
    if (touched.tenantsDirectory) await tenants.findDirectories()
    const moved = new Set(tenants.arrange(trusted.records, this.#started))
    const due = tenants.awake.filter(tenant =>
      moved.has(tenant) || tenant.isDue || tenant.places.given.length > 0 || touched.concerns(tenant.places.directories))
    await Promise.all(due.map(tenant => tenant.look()))
    await atMost(PATIENCE_MS, due.flatMap(({ pending }) => pending))
    for (const { pending } of due) this.#comeBack.after(pending)
    await this.#swap()
    this.#later()
  }

  async #swap (): Promise<void> {
    await this.#options.live.swap(this.#started)
    this.#watch()
  }

  /** What the system failed at, or the store, is tried again. */
  #later (): void {
    const { tenants, uploads } = this.#options
    this.#comeBack.retry(tenants.isDue || uploads.late.length > 0)
  }

  /** Modules that are done late need no look at all files, but a place in the snapshot. */
  #resume (): void {
    const { tenants, uploads } = this.#options
    for (const owner of uploads.late) this.followSoon(owner)
    const work = tenants.isDue ? this.#look(new Set()) : this.#turns.take(() => this.#swap())
    work.catch(error => this.#fail(error))
  }

  #watch (): void {
    if (!this.#started || this.#closed || this.#watcher === undefined) return
    const { settings: { tenantsDirectory }, trusted, tenants } = this.#options
    const all = [trusted.watched, ...tenants.awake.map(({ watched }) => watched)]
    this.#watcher.reconcile({
      directories: [...tenantsDirectory === undefined ? [] : [tenantsDirectory], ...all.flatMap(({ directories }) => directories)],
      files: all.flatMap(({ files }) => files)
    })
  }

  #fail (error: unknown): void {
    this.#options.log.error({ err: error }, 'plugin directories could not be refreshed')
  }
}
