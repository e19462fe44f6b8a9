import type { Walled } from './layers.ts'

const MB = 1024 * 1024

// V8 maps an isolate's whole code range writable, though hardly any of it is ever used: so much of "data" is none.
const CODE_RANGE_BYTES = 514 * MB

/**
 * The kernel's limit of a cell's memory, which stops at once what looking at it would see too late. It has to grow with
 * the number of isolates, by far more than they use, so it is kept as low as it can be: raised before an isolate is
 * loaded, and lowered when some are gone.
 */
export class Allowance {
  /** What the cell may have beyond what it has when idle. */
  bytes = Infinity
  readonly #walled: Walled
  readonly #isHeld: boolean
  readonly #isolateBytes: number
  #isolates = 0
  /** Isolates that are about to be loaded. */
  #coming = 0
  /** What the kernel was told. */
  #set = 0
  /** The last change, which all later ones come after. */
  #changing: Promise<void> = Promise.resolve()

  /** @param options.isHeld whether the system can hold such a limit */
  constructor (walled: Walled, options: { isHeld: boolean, hardened: boolean }) {
    this.#walled = walled
    this.#isHeld = options.isHeld
    // Without a JIT, there is no code range.
    this.#isolateBytes = options.hardened ? 0 : CODE_RANGE_BYTES
  }

  /** Sets both limits. */
  async set (bytes: number, isolates: number): Promise<void> {
    await this.#change(() => {
      this.bytes = bytes
      this.#isolates = isolates
    })
  }

  /** Has room for one isolate more while `load` is called. @param present tells how many there are by then */
  async withRoom<Result> (present: () => number, load: () => Result): Promise<Result> {
    this.#coming++
    try {
      if (this.#isolates < present() + this.#coming) {
        await this.#change(() => { this.#isolates = Math.max(this.#isolates, present() + this.#coming) })
      }
      return load()
    } finally {
      this.#coming--
    }
  }

  /** Takes back what isolates that are gone had. */
  async tighten (present: () => number, spare: number): Promise<void> {
    if (this.#isolates <= present() + this.#coming + spare) return
    await this.#change(() => { this.#isolates = present() + this.#coming + spare })
  }

  /** One at a time, since each starts a process, and they may end in any order. Those that wait see what the last one did. */
  async #change (change: () => void): Promise<void> {
    const changing = this.#changing.then(async () => {
      change()
      const bytes = this.bytes + this.#isolates * this.#isolateBytes
      if (!this.#isHeld || bytes === this.#set) return
      await this.#walled.limitData(bytes)
      this.#set = bytes
    })
    this.#changing = changing.catch(() => {})
    await changing
  }
}
