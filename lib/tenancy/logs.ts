import type { OwnerLogEntry } from '../../types/status.ts'
import { platformError, unavailable } from '../errors.ts'
import { OwnerLog } from './log.ts'

/** Of a turn of a trusted module, as a tenant's is by default. */
const TRUSTED_LOG_BYTES = 32 * 1024
// A log has 256 KB by default: those that were written to last may take 256 MB.
const LOGS_MAX = 1_000
/** Each holds a connection, and what its reader is slow to take. */
const READERS_MAX = 100
/** A command line, a page, and those of a second person. */
const READERS_OF_ONE_MAX = 4

/** Whoever reads a log along. */
export interface Reader {
  take (entry: OwnerLogEntry): void
  /** Whether it still may; asked whenever owners have changed. */
  mayStay (): boolean
  /** There comes no more. */
  end (): void
}

/** The logs of all owners that wrote last. */
export class Logs {
  readonly #logs = new Map<string, OwnerLog>()
  readonly #readers = new Map<Reader, { owner: string, leave: () => void }>()
  #closed = false

  /** An owner's, made where there is none. */
  of (owner: string, logBytes = TRUSTED_LOG_BYTES): OwnerLog {
    const log = this.#logs.get(owner)
    if (log !== undefined) return log
    if (this.#logs.size >= LOGS_MAX) this.#dropOne()
    const made = new OwnerLog(logBytes)
    this.#logs.set(owner, made)
    return made
  }

  /** What an owner's log holds, oldest first. */
  entries (owner: string): OwnerLogEntry[] {
    return this.#logs.get(owner)?.entries ?? []
  }

  /**
   * Has a reader told what is written from now on.
   *
   * @returns what ends that
   * @throws `FMS_ERR_BUSY` where the owner's log has enough readers, `FMS_ERR_UNAVAILABLE` where the process has
   */
  follow (owner: string, reader: Reader): () => void {
    if (this.#closed || this.#readers.size >= READERS_MAX) throw unavailable(`${READERS_MAX} read logs along, or the app closes`)
    const log = this.of(owner)
    if (log.readers >= READERS_OF_ONE_MAX) {
      throw Object.assign(platformError('FMS_ERR_BUSY', `${READERS_OF_ONE_MAX} read this log along`), { headers: { 'retry-after': '10' } })
    }
    const unfollow = log.follow(entry => reader.take(entry))
    const leave = (): void => {
      unfollow()
      this.#readers.delete(reader)
    }
    this.#readers.set(reader, { owner, leave })
    return leave
  }

  /** Nothing is left of it: its owner is gone. */
  forget (owner: string): void {
    this.#end(one => one.owner === owner)
    this.#logs.delete(owner)
  }

  /** Owners have changed: ends those that may read no longer. */
  review (): void {
    this.#end((_, reader) => !reader.mayStay())
  }

  /** Nobody reads along any more: the app could not close before they leave. */
  close (): void {
    this.#closed = true
    this.#end(() => true)
  }

  #end (whose: (one: { owner: string }, reader: Reader) => boolean): void {
    for (const [reader, one] of [...this.#readers]) {
      if (!whose(one, reader)) continue
      one.leave()
      reader.end()
    }
  }

  /** Those that were written to again, or are read, get a second chance: a call costs no change of the map's order. */
  #dropOne (): void {
    for (const [owner, log] of this.#logs) {
      this.#logs.delete(owner)
      if (!log.isFresh && log.readers === 0) return
      log.isFresh = false
      this.#logs.set(owner, log)
    }
  }
}
