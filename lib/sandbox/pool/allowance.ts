import type { Walled } from '../layers.ts'

const MB = 1024 * 1024

// V8 maps an isolate's whole code range writable, though hardly any of it is ever used: so much of "data" is none.
const CODE_RANGE_BYTES = 514 * MB

const AHEAD_MIN = 4

// A cell keeps an isolate ready for the next module: see child/isolate.ts.
const SPARE = 1

/**
 * The kernel's limit of a cell's memory, which stops at once what looking at it would see too late. It has to grow with
 * the number of isolates, by far more than they use: it is raised before isolates are loaded, for some more at once, since
 * each change costs milliseconds, and lowered when many are gone. So it is what holds when the app is too busy to look.
 */
export class Allowance {
  /** What the cell may have beyond what it has when idle. */
  bytes = Infinity
  readonly #walled: Walled
  readonly #present: () => number
  readonly #isHeld: boolean
  readonly #isolateBytes: number
  #isShared = true
  #isolates = 0
  /** Isolates that are about to be loaded. */
  #coming = 0
  /** What the kernel was told. */
  #set = 0
  /** The last change, which all later ones come after. */
  #changing: Promise<void> = Promise.resolve()

  /** @param options.isHeld whether the system can hold such a limit; `present`: how many isolates there are */
  constructor (walled: Walled, options: { isHeld: boolean, hardened: boolean, present: () => number }) {
    this.#walled = walled
    this.#present = options.present
    this.#isHeld = options.isHeld
    // Without a JIT, there is no code range.
    this.#isolateBytes = options.hardened ? 0 : CODE_RANGE_BYTES
  }

  /** @param isShared whether there will be many isolates */
  async set (bytes: number, isShared: boolean): Promise<void> {
    await this.#change(() => {
      this.bytes = bytes
      this.#isShared = isShared
      this.#isolates = this.#wanted()
    })
  }

  /** Has room for one isolate more while `load` is called. */
  async withRoom<Result> (load: () => Result): Promise<Result> {
    this.#coming++
    try {
      if (this.#isolates < this.#needed()) {
        await this.#change(() => { if (this.#isolates < this.#needed()) this.#isolates = this.#wanted() })
      }
      return load()
    } finally {
      this.#coming--
    }
  }

  /** Takes back what isolates that are gone had. */
  async tighten (): Promise<void> {
    if (this.#isolates > 2 * this.#wanted()) await this.#change(() => { this.#isolates = this.#wanted() })
  }

  #needed (): number {
    return this.#present() + this.#coming
  }

  #wanted (): number {
    const needed = this.#needed()
    return needed + (this.#isShared ? Math.max(AHEAD_MIN, Math.floor(needed / 2)) : 1)
  }

  /** One at a time, since each starts a process, and they may end in any order. Those that wait see what the last one did. */
  async #change (change: () => void): Promise<void> {
    const changing = this.#changing.then(async () => {
      change()
      const bytes = this.bytes + (this.#isolates + SPARE) * this.#isolateBytes
      if (!this.#isHeld || bytes === this.#set) return
      await this.#walled.limitData(bytes)
      this.#set = bytes
    })
    this.#changing = changing.catch(() => {})
    await changing
  }
}
