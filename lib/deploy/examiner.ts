import type { Catalog } from '../catalog/catalog.ts'
import type { ModuleVersion } from '../catalog/module.ts'
import { assert } from '../endpoint.ts'
import { show } from '../show.ts'
import type { SourceFile } from '../source/files.ts'
import { type Change, compare } from './compare.ts'
import { refuseProblems, refusing } from './refusal.ts'
import type { Versions } from './versions.ts'

/** One version of a module. */
export interface VersionName {
  readonly owner: string
  readonly module: string
  readonly version: string
}

export interface ExaminerOptions {
  readonly versions: Pick<Versions, 'modulesOf'>
  readonly catalog: () => Pick<Catalog, 'live' | 'modules' | 'prepare' | 'make' | 'follow'>
}

/** Makes versions beside what is live, and says how they differ from that. */
export class Examiner {
  readonly #options: ExaminerOptions

  constructor (options: ExaminerOptions) {
    this.#options = options
  }

  /** @throws an error of 422 for what is wrong with it, of 409 where it takes another module's name, or breaks callers and must not */
  async examine ({ owner, module, version }: VersionName, files: readonly SourceFile[], { compatible = false } = {}): Promise<Change[]> {
    const made = await refusing(() => this.#options.catalog().make(owner, module, version, files))
    refuseProblems(made, files)
    const live = await this.#live(owner, module)
    this.#checkNames(owner, made)
    const changes = compare(live?.endpoints ?? [], made.endpoints)
    const breaking = changes.filter(change => change.breaking)
    assert(!compatible || breaking.length === 0, 409, ['it breaks callers of what is live:', ...breaking.map(textOf)].join('\n'))
    return changes
  }

  /** What callers have now; a tenant that nobody has called yet must be woken for that. */
  async #live (owner: string, module: string): Promise<ModuleVersion | undefined> {
    const catalog = this.#options.catalog()
    await catalog.prepare(owner)
    const active = this.#options.versions.modulesOf(owner)[module] ?? undefined
    // One that cannot be made has no callers.
    if (active !== catalog.live(owner, module)?.upload) await catalog.follow(owner, module).catch(() => {})
    return catalog.live(owner, module)
  }

  /** An uploaded module comes first, and would take the place of another one with one of its names. */
  #checkNames (owner: string, { name, alias }: ModuleVersion): void {
    const names = alias === undefined ? [name] : [name, alias]
    const others = this.#options.catalog().modules.filter(one => one.owner === owner && one.name !== name)
    const taken = others.find(one => names.some(wanted => wanted === one.name || wanted === one.alias))
    assert(taken === undefined, 409,
      `module: expected a name and an alias that no other module of ${owner} has; found those of ${show(taken?.name)} too: change its alias, or remove it first`)
  }
}

function textOf ({ api, method, text }: Change): string {
  return `${method === undefined ? '' : `${method} `}${api}: ${text}`
}
