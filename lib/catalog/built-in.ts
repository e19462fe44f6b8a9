import { describe } from '../describe/describe.ts'
import type { Settings } from '../options.ts'
import { ModuleVersion } from './module.ts'
import { assembleOwner, type Namespace } from './snapshot.ts'

/** A module that the platform itself brings along. */
export interface BuiltIn {
  readonly name: string
  readonly exports: Readonly<Record<string, unknown>>
  /** Whether tenants have it too, and an admin where there are none. */
  readonly tenants?: boolean
}

/** Tenants whose management is at hand: some 2 KB each, and made in less than a millisecond. */
const TENANTS_MAX = 1_000

/** The built-in modules of each who has any. They are made without a look at any file. */
export class BuiltIns {
  /** Those of the admins, in their order. */
  readonly ofAdmins: readonly ModuleVersion[]
  readonly #ofTenants: ReadonlyArray<(owner: string) => ModuleVersion>
  /** The least recently asked for comes first. */
  readonly #namespaces = new Map<string, Namespace>()

  constructor (builtIns: readonly BuiltIn[], { admins, multiTenant }: Settings) {
    const makers = builtIns.map(builtIn => ({ ...builtIn, make: makerOf(builtIn) }))
    const forTenants = makers.filter(({ tenants }) => tenants === true)
    this.ofAdmins = multiTenant
      ? admins.flatMap(admin => makers.map(({ make }) => make(admin)))
      : forTenants.map(({ make }) => make(admins[0] as string))
    this.#ofTenants = multiTenant ? forTenants.map(({ make }) => make) : []
  }

  /** A tenant's; undefined where tenants have none. */
  ofTenant (owner: string): Namespace | undefined {
    if (this.#ofTenants.length === 0) return undefined
    const namespace = this.#namespaces.get(owner) ?? assembleOwner(this.#ofTenants.map(make => make(owner))).namespace
    this.#namespaces.delete(owner)
    this.#namespaces.set(owner, namespace)
    const [oldest] = this.#namespaces.keys()
    if (this.#namespaces.size > TENANTS_MAX) this.#namespaces.delete(oldest as string)
    return namespace
  }
}

/** What it is, is read once for all who have it. */
function makerOf ({ name, exports }: BuiltIn): (owner: string) => ModuleVersion {
  const file = '(built in)'
  const description = describe(exports, file, process.cwd())
  return owner => new ModuleVersion({ owner, name, file, version: 'built-in', builtIn: true }, { exports, mapStack: stack => stack }, description)
}
