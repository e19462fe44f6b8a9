import type { Problem, Shadowed } from '../../types/directory.ts'
import type { ModuleVersion } from './module.ts'
import { hasMore, nowhere, type Places, placesOf } from './places.ts'
import type { ModuleRecord } from './record.ts'
import { findTenants, type TenantDirectories } from './scan.ts'
import type { Namespace } from './snapshot.ts'
import { TenantModules, type TenantOptions } from './tenant-modules.ts'

/** How long a tenant's first call waits for its modules. One that takes longer was made for that. */
const WAKE_MS = 5_000

/** Who has to be told what became of a tenant. */
export interface TenantCatalogOptions extends TenantOptions {
  /** What is served of this one may have changed. */
  readonly onLive: (tenant: TenantModules) => void
  readonly onFailure: (error: unknown) => void
}

/** All tenants' modules. Whoever calls nobody's costs the app a name in a map. */
export class TenantCatalog {
  readonly #options: TenantCatalogOptions
  #byOwner = new Map<string, TenantModules>()
  #found: TenantDirectories = { directories: new Map(), problems: [] }

  constructor (options: TenantCatalogOptions) {
    this.#options = options
  }

  /** Their directories. */
  get found (): TenantDirectories {
    return this.#found
  }

  get asleep (): TenantModules[] {
    return [...this.#byOwner.values()].filter(({ isAwake }) => !isAwake)
  }

  get awake (): TenantModules[] {
    return [...this.#byOwner.values()].filter(({ isAwake }) => isAwake)
  }

  get pending (): Array<Promise<void>> {
    return this.awake.flatMap(({ pending, waking }) => waking ?? pending)
  }

  get isDue (): boolean {
    return this.awake.some(({ isDue }) => isDue)
  }

  get problems (): Problem[] {
    return [...this.#byOwner.values()].flatMap(({ problems }) => problems)
  }

  get shadowed (): Shadowed[] {
    return this.awake.flatMap(({ served }) => served.shadowed)
  }

  get modules (): ModuleVersion[] {
    return this.awake.flatMap(({ served }) => served.namespace.modules)
  }

  /** By owner: what is served of those that were called. */
  get namespaces (): Array<[string, Namespace]> {
    return this.awake.flatMap(({ owner, served: { namespace } }) => namespace.modules.length > 0 ? [[owner, namespace]] : [])
  }

  /** What makes a call wait: its tenant's modules, at its first. Never rejects. */
  prepare (owner: string): Promise<void> | undefined {
    const tenant = this.#find(owner)
    if (tenant === undefined || tenant.isAwake) return tenant?.waking
    if (tenant.admin === undefined) return undefined
    tenant.isAwake = true
    const waking = this.#wake(tenant).catch(error => {
      this.#options.onFailure(error)
      tenant.sleep()
    }).finally(() => { if (tenant.waking === waking) tenant.waking = undefined })
    tenant.waking = waking
    return waking
  }

  /** Until one more of the modules that are being made is in place, or has failed; undefined where none is being made. Never rejects. */
  preparing (owner: string): Promise<void> | undefined {
    const tenant = this.#byOwner.get(owner)
    if (tenant?.isAwake !== true || tenant.pending.length === 0) return undefined
    // One for all who wait: there may be thousands, and hundreds of modules.
    tenant.next ??= this.#oneMore(tenant).catch(this.#options.onFailure).finally(() => { tenant.next = undefined })
    return tenant.next
  }

  /** Makes all that there are, called or not. */
  wakeAll (): void {
    for (const owner of new Set([...this.#byOwner.keys(), ...this.#options.uploads.owners()])) void this.prepare(owner)
  }

  /** Serves what is uploaded, or that module of it, whether it was called or not. Never rejects. */
  async follow (owner: string, module?: string): Promise<void> {
    await this.prepare(owner)
    const tenant = this.#byOwner.get(owner)
    if (tenant?.isAwake !== true) return
    await tenant.follow(module).catch(this.#options.onFailure)
    this.#options.onLive(tenant)
  }

  isAwake (owner: string): boolean {
    return this.#byOwner.get(owner)?.isAwake === true
  }

  /** Looks which directories there are. */
  async findDirectories (): Promise<void> {
    this.#found = await findTenants(this.#options.settings)
  }

  /**
   * Takes in where modules are now. What is new is made at its first call; what appears while the app runs, at once.
   * Returns those whose places changed.
   *
   * @param records of admins' directories
   */
  arrange (records: readonly ModuleRecord[], isRunning: boolean): TenantModules[] {
    const { uploads, onLive } = this.#options
    const before = this.#byOwner
    const uploaders = [...before.values()].filter(({ owner, isAwake }) => isAwake && uploads.has(owner))
    const places = new Map<string, Places>([...uploaders.map(({ owner }) => [owner, nowhere] as const), ...placesOf(this.#found.directories, records)])
    this.#byOwner = new Map()
    const changed: TenantModules[] = []
    for (const [owner, next] of places) {
      const tenant = before.get(owner) ?? new TenantModules(owner, this.#options)
      this.#byOwner.set(owner, tenant)
      const { places: last } = tenant
      tenant.places = next
      const isNew = hasMore(last, next)
      if (isNew && isRunning) void this.prepare(owner)
      if (isNew || hasMore(next, last)) changed.push(tenant)
    }
    for (const [owner, tenant] of before) {
      if (places.has(owner)) continue
      tenant.places = nowhere
      tenant.sleep()
      onLive(tenant)
    }
    return changed
  }

  /** Their admins may be others now, or none. */
  ownersChanged (uuids: Iterable<string>): void {
    for (const uuid of uuids) {
      const tenant = this.#byOwner.get(uuid)
      const admin = this.#options.makers.workshop?.adminOf(uuid)
      if (tenant === undefined || tenant.admin === admin) continue
      tenant.admin = admin
      tenant.sleep()
      this.#options.onLive(tenant)
      if (admin === undefined && tenant.places === nowhere) this.#byOwner.delete(uuid)
    }
  }

  /** Who has nothing but uploads is known from the first call on. */
  #find (owner: string): TenantModules | undefined {
    const known = this.#byOwner.get(owner)
    const { makers, uploads } = this.#options
    if (known !== undefined || makers.workshop?.adminOf(owner) === undefined || !uploads.has(owner)) return known
    const tenant = new TenantModules(owner, this.#options)
    this.#byOwner.set(owner, tenant)
    return tenant
  }

  async #oneMore (tenant: TenantModules): Promise<void> {
    await Promise.race(tenant.pending)
    if (tenant.isBehind) await tenant.look()
    this.#options.onLive(tenant)
  }

  async #wake (tenant: TenantModules): Promise<void> {
    const deadline = performance.now() + WAKE_MS
    const placing = this.#options.uploads.place(tenant.owner)
    // What is at hand does not wait for the store.
    await tenant.look()
    await atMost(deadline - performance.now(), [placing])
    if (tenant.isBehind) await tenant.look()
    await atMost(deadline - performance.now(), tenant.pending)
    this.#options.onLive(tenant)
  }
}

/** Waits until all are done, or long enough. */
export async function atMost (ms: number, pending: ReadonlyArray<Promise<void>>): Promise<void> {
  if (pending.length === 0) return
  const patience = Promise.withResolvers<void>()
  const timer = setTimeout(patience.resolve, ms)
  await Promise.race([Promise.all(pending), patience.promise])
  clearTimeout(timer)
}
