/** Modules that are done late come in together: 1,000 of them are not 1,000 refreshes. */
const LATE_MS = 200
/** Between tries of what the system fails at: a full disk or process table is not cured by haste. */
const RETRY_MS = { least: 250, most: 30_000 }

/** Looks again at what no change of a file will tell of. */
export class ComeBack {
  readonly #look: () => void
  readonly #awaited = new WeakSet<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #retryMs = RETRY_MS.least
  #closed = false

  constructor (look: () => void) {
    this.#look = look
  }

  /** Something is done that a refresh did not wait for. */
  soon (): void {
    this.#in(LATE_MS)
  }

  /** What goes on being made has its place when it is done. */
  after (pending: ReadonlyArray<Promise<void>>): void {
    for (const late of pending) {
      if (this.#awaited.has(late)) continue
      this.#awaited.add(late)
      void late.then(() => this.soon())
    }
  }

  /** A refresh has ended, with or without something that the system failed at. */
  retry (isNeeded: boolean): void {
    if (isNeeded) this.#in(this.#retryMs)
    this.#retryMs = isNeeded ? Math.min(2 * this.#retryMs, RETRY_MS.most) : RETRY_MS.least
  }

  close (): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #in (ms: number): void {
    if (this.#closed || this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#look()
    }, ms).unref()
  }
}
