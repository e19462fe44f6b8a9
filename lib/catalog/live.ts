import type { FastifyBaseLogger } from 'fastify'
import type { Problem, Shadowed } from '../../types/directory.ts'
import type { Settings } from '../options.ts'
import type { Endings } from './endings.ts'
import type { ModuleVersion } from './module.ts'
import { Reporter } from './report.ts'
import { assemble, type Namespace, type Snapshot } from './snapshot.ts'
import type { TenantCatalog } from './tenant-catalog.ts'
import type { TenantModules } from './tenant-modules.ts'
import type { TrustedModules } from './trusted.ts'

export interface LiveOptions {
  readonly settings: Settings
  readonly trusted: TrustedModules
  readonly tenants: TenantCatalog
  readonly endings: Endings
  readonly log: FastifyBaseLogger
}

/** What is served at this moment, and what is not, which is logged as it appears. */
export class Live {
  readonly #options: LiveOptions
  readonly #reporter: Reporter
  #snapshot: Snapshot
  /** The snapshot's: tenants' come and go in it. */
  #namespaces = new Map<string, Namespace>()
  #audit: (snapshot: Snapshot) => readonly Problem[] = () => []

  constructor (options: LiveOptions) {
    this.#options = options
    this.#reporter = new Reporter(options.log)
    this.#snapshot = assemble([], options.settings)
  }

  get snapshot (): Snapshot {
    return this.#snapshot
  }

  /** Admins' in their order, then those of tenants that were called. */
  get modules (): ModuleVersion[] {
    const { settings: { multiTenant, admins }, tenants } = this.#options
    return [...multiTenant ? admins : ['']].flatMap(owner => this.#namespaces.get(owner)?.modules ?? []).concat(tenants.modules)
  }

  get problems (): readonly Problem[] {
    return [...this.#ownProblems, ...this.#options.tenants.problems]
  }

  get shadowed (): readonly Shadowed[] {
    return [...this.#snapshot.shadowed, ...this.#options.tenants.shadowed]
  }

  auditWith (audit: (snapshot: Snapshot) => readonly Problem[]): void {
    this.#audit = audit
  }

  /** The version of that name. */
  find (owner: string, module: string): ModuleVersion | undefined {
    const namespace = this.#namespaces.get(this.#options.settings.multiTenant ? owner : '')
    return namespace?.modules.find(({ name }) => name === module)
  }

  /** Starts what is new, where the app is ready, and swaps. */
  async swap (isStarted: boolean): Promise<void> {
    const { trusted, tenants } = this.#options
    const snapshot = await trusted.assemble(isStarted)
    this.#namespaces = new Map([...snapshot.namespaces, ...tenants.namespaces])
    this.#snapshot = { ...snapshot, namespaces: this.#namespaces }
    if (isStarted) trusted.replace(snapshot)
    for (const tenant of tenants.awake) this.settle(tenant)
    this.#reporter.report('', [...this.#ownProblems, ...tenants.asleep.flatMap(({ problems }) => problems)])
  }

  /** Puts a tenant's modules in place. What they replace ends with the calls that it has. */
  settle (tenant: TenantModules): void {
    const replaced = tenant.settle()
    const { owner, served: { namespace } } = tenant
    if (namespace.modules.length > 0) this.#namespaces.set(owner, namespace)
    else this.#namespaces.delete(owner)
    for (const version of replaced) this.#options.endings.end(version)
    this.#reporter.report(owner, tenant.isAwake ? tenant.problems : [])
  }

  get #ownProblems (): Problem[] {
    const { tenants, trusted } = this.#options
    return [...tenants.found.problems, ...trusted.problems, ...this.#snapshot.problems, ...this.#audit(this.#snapshot)]
  }
}
