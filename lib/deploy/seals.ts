import { assert } from '../endpoint.ts'
import { show } from '../show.ts'
import type { Registry } from '../tenancy/registry.ts'
import type { Once } from '../tokens/once.ts'
import { type SealHeader, unseal } from '../tokens/seal.ts'

export interface SealsOptions {
  readonly registry: Pick<Registry, 'key' | 'manages'>
  readonly once: Pick<Once, 'use'>
  /** For how many seconds something may be sealed. */
  readonly ttlSecs: number
}

/** How far two machines' clocks may be apart, as with tokens. */
const SKEW_SECS = 5

/** Opens modules that came sealed: under a key for management, by whoever has it, for this owner and module, not long ago, and once. */
export class Seals {
  readonly #options: SealsOptions

  constructor (options: SealsOptions) {
    this.#options = options
  }

  /**
   * @throws an error of 400 that says what is wrong: whoever asks has shown a key already; `FMS_ERR_UNAVAILABLE` where the
   * store cannot say whether it is the first time
   */
  async open (sealed: string, { owner, module }: { owner: string, module: string }): Promise<{ content: Uint8Array, type: string | undefined }> {
    const { registry, once } = this.#options
    const found = await unseal(sealed, kid => registry.manages(kid, owner) ? registry.key(kid)?.secret : undefined)
    const { header, content } = found ?? {}
    assert(header?.typ === 'module+jose' && content !== undefined, 400,
      `body: expected a compact JWE of type module+jose, under a key for management of ${owner} or of its admin; found another`)
    assert(header.owner === owner, 400, `body: expected a seal for a module of ${owner}; found one for ${show(header.owner)}`)
    assert(header.module === module, 400, `body: expected a seal for module ${show(module)}; found one for ${show(header.module)}`)
    const expiresAt = this.#checkTimes(header)
    const isFirst = await once.use(`${header.kid} seal ${header.jti}`, expiresAt)
    assert(isFirst, 400, 'body: expected a seal that is used for the first time; found one that was used: seal it again')
    return { content, type: header.cty }
  }

  /** Until when its use must be remembered. */
  #checkTimes ({ iat, exp }: SealHeader): number {
    const { ttlSecs } = this.#options
    assert(iat !== undefined && exp !== undefined && iat < exp && exp - iat <= ttlSecs, 400,
      `body: expected a seal with iat and exp that lasts for at most ${ttlSecs} s; found another`)
    const now = Date.now() / 1000
    assert(now >= iat - SKEW_SECS, 400, `body: expected a seal that was made by now; found one of ${Math.ceil(iat - now)} s later: set that clock`)
    assert(now < exp + SKEW_SECS, 400,
      `body: expected a seal that has not ended; found one that ended ${Math.floor(now - exp)} s ago: seal it again, or set the clock`)
    return (exp + SKEW_SECS) * 1000
  }
}
