import type { OwnerLogEntry } from '../../types/status.ts'
import type { SandboxSettings, TenantSettings } from '../tenants.ts'
import { OwnerLog } from './log.ts'

/** An owner whose code is not trusted, and what it may use. */
export interface Tenant extends TenantSettings {
  /** Its admin's UUID: tenants of different admins share no process. */
  readonly admin: string
  readonly owner: string
  /** Adds a line to its log. */
  record (entry: OwnerLogEntry): void
}

/** The tenants that have modules, with their logs. */
export class Tenants {
  readonly #settings: SandboxSettings
  readonly #tenants = new Map<string, Tenant>()
  readonly #logs = new Map<string, OwnerLog>()

  constructor (settings: SandboxSettings) {
    this.#settings = settings
  }

  /** These are all, each with its admin. Of others nothing is kept, not even the log. */
  assign (admins: ReadonlyMap<string, string>): void {
    for (const [owner, { admin }] of this.#tenants) {
      if (admins.get(owner) === admin) continue
      this.#tenants.delete(owner)
      this.#logs.delete(owner)
    }
    for (const [owner, admin] of admins) {
      if (!this.#tenants.has(owner)) this.#add(owner, admin)
    }
  }

  find (owner: string): Tenant | undefined {
    return this.#tenants.get(owner)
  }

  #add (owner: string, admin: string): void {
    const settings = this.#settings.tenants.get(owner) ?? this.#settings.others
    const log = new OwnerLog(settings.limits.logBytes)
    this.#tenants.set(owner, Object.freeze({ ...settings, admin, owner, record: (entry: OwnerLogEntry) => log.add(entry) }))
    this.#logs.set(owner, log)
  }

  /** What an owner's log holds, oldest first; nothing for one that is no tenant. */
  entries (owner: string): OwnerLogEntry[] {
    return this.#logs.get(owner)?.entries ?? []
  }
}
