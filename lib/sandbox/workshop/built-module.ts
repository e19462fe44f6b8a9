import type { Endpoint } from '../../describe/description.ts'
import { platformError } from '../../errors.ts'
import { Positions } from '../../source/positions.ts'
import type { Cache } from './cache.ts'
import type { GuestDescription } from './description.ts'

/** The name that a module's script has in the stacks of its isolate. */
export const SCRIPT_NAME = 'module.js'

export interface Script {
  /** CommonJS. */
  readonly code: string
  /** What makes the checks of arguments and results; empty for none. */
  readonly checks: string
}

/** How to make what the cache does not hold, or no longer. */
export interface Maker {
  /** Builds the module again; what it gives is in the cache, if the files are still the same. */
  rebuild (): Promise<void>
  checks (endpoints: readonly Endpoint[]): Promise<string>
}

/** A tenant's module as it was built. Its description is at hand, its script on disk until it is called. */
export class BuiltModule {
  readonly version: string
  readonly alias: string | undefined
  readonly identity: string | undefined
  readonly endpoints: readonly Endpoint[]
  readonly functions: readonly string[]
  readonly problems: GuestDescription['problems']
  readonly inputs: readonly string[]
  readonly #key: string
  readonly #cache: Cache
  readonly #maker: Maker
  #script: Promise<Script> | undefined
  #positions: WeakRef<Positions> | undefined

  constructor (description: GuestDescription & { readonly version: string }, inputs: readonly string[], key: string, cache: Cache, maker: Maker) {
    this.version = description.version
    this.alias = description.alias
    this.identity = description.identity
    this.endpoints = description.endpoints
    this.functions = description.functions
    this.problems = description.problems
    this.inputs = inputs
    this.#key = key
    this.#cache = cache
    this.#maker = maker
  }

  /**
   * Read each time: an isolate that is made needs it, and none that lives.
   *
   * @throws `FMS_ERR_UNAVAILABLE`
   */
  async script (): Promise<Script> {
    this.#script ??= this.#load().finally(() => { this.#script = undefined })
    return await this.#script
  }

  /** Source positions in a stack, relative to the module's folder; the stack itself for a script so large that its map is not kept. */
  mapStack (stack: string): string {
    return this.#loadPositions()?.map(stack).stack ?? stack
  }

  async #load (): Promise<Script> {
    let code = await this.#cache.read(this.#key, 'code')
    if (code === undefined) {
      await this.#maker.rebuild()
      code = await this.#cache.read(this.#key, 'code')
    }
    if (code === undefined) throw platformError('FMS_ERR_UNAVAILABLE', 'the module has changed, and its former script is no longer at hand')
    return { code: code.toString(), checks: await this.#loadChecks() }
  }

  /** Made when they are first needed: of all that is made for a module they take longest, at 5 ms for each endpoint. */
  async #loadChecks (): Promise<string> {
    const checked = this.endpoints.filter(({ args, returns }) => args !== undefined || returns !== undefined)
    if (checked.length === 0) return ''
    const known = await this.#cache.read(this.#key, 'checks')
    if (known !== undefined) return known.toString()
    const checks = await this.#maker.checks(checked)
    await this.#cache.write(this.#key, 'checks', checks)
    return checks
  }

  #loadPositions (): Positions | undefined {
    let positions = this.#positions?.deref()
    if (positions === undefined) {
      const map = this.#cache.readSync(this.#key, 'map')
      // Empty: it was too large to be kept.
      if (map === undefined || map.length === 0) return undefined
      this.#positions = new WeakRef(positions = new Positions(SCRIPT_NAME, map.toString()))
    }
    return positions
  }
}
