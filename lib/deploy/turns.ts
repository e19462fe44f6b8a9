import { platformError, unavailable } from '../errors.ts'

/** Each may hold an upload, its files and what a store keeps of them: some 40 MB. */
const AT_ONCE = 16

/** Lets one thing at a time be done to an owner's modules. What its client does not wait for any more counts until it is done. */
export class Turns {
  readonly #busy = new Set<string>()

  /** @throws `FMS_ERR_BUSY` where the owner has its turn already, `FMS_ERR_UNAVAILABLE` where too many have */
  async take<T> (owner: string, work: () => Promise<T>): Promise<T> {
    if (this.#busy.has(owner)) {
      throw Object.assign(platformError('FMS_ERR_BUSY', 'an upload or an activation of this owner is under way'), { headers: { 'retry-after': '1' } })
    }
    if (this.#busy.size >= AT_ONCE) throw unavailable('too many uploads and activations at once')
    this.#busy.add(owner)
    try {
      return await work()
    } finally {
      this.#busy.delete(owner)
    }
  }
}
