import type { Problem, Shadowed } from '../../types/directory.ts'
import type { Directory } from '../directories.ts'
import type { Settings } from '../options.ts'
import type { ModuleVersion } from './module.ts'
import type { Makers, ModuleRecord } from './record.ts'
import type { Namespace } from './snapshot.ts'
import { type Places, TenantModules } from './tenant-modules.ts'

/** How long a tenant's first call waits for its modules. One that takes longer was made for that. */
const WAKE_MS = 5_000

/** Who has to be told what became of a tenant. */
export interface TenantCatalogOptions {
  readonly makers: Makers
  readonly settings: Settings
  /** What is served of this one may have changed. */
  readonly onLive: (tenant: TenantModules) => void
  readonly onFailure: (error: unknown) => void
}

/** All tenants' modules. Whoever calls nobody's costs the app a name in a map. */
export class TenantCatalog {
  readonly #options: TenantCatalogOptions
  #byOwner = new Map<string, TenantModules>()

  constructor (options: TenantCatalogOptions) {
    this.#options = options
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
    const tenant = this.#byOwner.get(owner)
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
    tenant.next ??= Promise.race(tenant.pending).then(() => {
      tenant.next = undefined
      this.#options.onLive(tenant)
    }).catch(this.#options.onFailure)
    return tenant.next
  }

  /** Makes all that there are, called or not. */
  wakeAll (): void {
    for (const owner of this.#byOwner.keys()) void this.prepare(owner)
  }

  /**
   * Says where modules are now. What is new is made at its first call; what appears while the app runs, at once.
   * Returns those whose places changed.
   */
  arrange (places: ReadonlyMap<string, Places>, isRunning: boolean): TenantModules[] {
    const { makers, settings, onLive } = this.#options
    const before = this.#byOwner
    this.#byOwner = new Map()
    const changed: TenantModules[] = []
    for (const [owner, next] of places) {
      const tenant = before.get(owner) ?? new TenantModules(owner, makers, settings)
      this.#byOwner.set(owner, tenant)
      const { places: last } = tenant
      tenant.places = next
      const isNew = hasMore(last, next)
      if (isNew && isRunning) void this.prepare(owner)
      if (isNew || hasMore(next, last)) changed.push(tenant)
    }
    for (const [owner, tenant] of before) {
      if (places.has(owner)) continue
      tenant.places = { directories: [], given: [] }
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
    }
  }

  async #wake (tenant: TenantModules): Promise<void> {
    await tenant.look()
    await atMost(WAKE_MS, tenant.pending)
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

function hasMore (before: Places, after: Places): boolean {
  return after.given.some(record => !before.given.includes(record)) ||
    (after.directories !== before.directories && after.directories.some(({ path }) => !before.directories.some(one => one.path === path)))
}

/** Puts together what is a tenant's own and what admins' directories have for it. */
export function placesOf (directories: ReadonlyMap<string, readonly Directory[]>, records: readonly ModuleRecord[]): Map<string, Places> {
  const places = new Map<string, { directories: readonly Directory[], given: ModuleRecord[] }>()
  for (const [owner, own] of directories) places.set(owner, { directories: own, given: [] })
  for (const record of records) {
    const owners = new Set([...record.isTenants ? [record.owner] : [], ...record.version?.guest ? [record.version.owner] : []])
    for (const owner of owners) {
      const known = places.get(owner) ?? { directories: [], given: [] }
      places.set(owner, known)
      known.given.push(record)
    }
  }
  return places
}
