import { platformError, unavailable } from '../errors.ts'

/** Each holds a version's files, packed and unpacked, and waits for a builder: these take 400 MB at most. */
const AT_ONCE = 16

/** Lets owners work on their modules one thing at a time, until it is done: a client that leaves does not end what it began. */
export class Turns {
  readonly #busy = new Set<string>()

  /** @throws `FMS_ERR_BUSY` where the owner has its turn already, `FMS_ERR_UNAVAILABLE` where too many have */
  async take<T> (owner: string, work: () => Promise<T>): Promise<T> {
    if (this.#busy.has(owner)) {
      throw Object.assign(platformError('FMS_ERR_BUSY', 'one upload or activation of an owner at a time'), { headers: { 'retry-after': '1' } })
    }
    if (this.#busy.size >= AT_ONCE) throw unavailable('too many uploads at once')
    this.#busy.add(owner)
    try {
      return await work()
    } finally {
      this.#busy.delete(owner)
    }
  }
}
