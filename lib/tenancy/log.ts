import type { OwnerLogEntry } from '../../types/status.ts'

/** Of the turns' cap: what eight turns that write all they may leave is there to be read. */
const TURNS_KEPT = 8
/** A short line costs more than its characters: an object of some ten fields. */
const ENTRY_BYTES = 200

/** The end of what an owner's modules wrote, and of what became of their calls: a ring by size. */
export class OwnerLog {
  readonly #capacity: number
  readonly #entries: Array<{ entry: OwnerLogEntry, bytes: number }> = []
  #bytes = 0

  /** @param logBytes what one turn may write */
  constructor (logBytes: number) {
    this.#capacity = TURNS_KEPT * Math.max(logBytes, 1_024)
  }

  add (entry: OwnerLogEntry): void {
    const bytes = ENTRY_BYTES + 2 * (entry.message.length + (entry.stack?.length ?? 0))
    this.#entries.push({ entry, bytes })
    this.#bytes += bytes
    while (this.#bytes > this.#capacity && this.#entries.length > 1) this.#bytes -= this.#entries.shift()!.bytes
  }

  /** Oldest first. */
  get entries (): OwnerLogEntry[] {
    return this.#entries.map(({ entry }) => entry)
  }
}
