import type { Mark } from './mark.ts'
import type { Processor } from './processor.ts'

/** What one look at a cell shows. Times are those that it had: to wait for a processor on a busy machine is no offence. */
export interface Beat {
  /** For how long it has said nothing, though it was asked. */
  readonly silentMs: number
  readonly mark: Mark
  /** For how long the same turn has run, at least; 0 where the cell has spoken since the last look. */
  readonly turnMs: number
  /** The same by the clock. */
  readonly turnWallMs: number
  /** By how much the cell has grown since the look before that turn. */
  readonly turnBytes: number
}

/** What is looked at. */
export interface Look {
  readonly mark: Mark
  /** What the cell has now. */
  readonly bytes: number
  /** Unknown: all the time counts. */
  processor (): Processor | undefined
}

// Of a thread that is asleep at a look, and ran for less than this since the last, we say that it slept all the time.
const ASLEEP_MS = 1

/** Whether a cell is alive, from looks at it at intervals. */
export class Pulse {
  #heard = true
  #at = 0
  #silentMs = 0
  #turn = 0
  #turnMs = 0
  #turnSince = 0
  #ranMs: number | undefined
  #bytes = 0
  /** What the cell had before the turn that it is at. */
  bytesBefore = 0

  heard (): void {
    this.#heard = true
  }

  /** What a cell has before its first turn. */
  start (bytes: number): void {
    this.#bytes = bytes
  }

  beat (now: number, { mark, bytes, processor }: Look): Beat {
    const turn = mark.isolate === 0 ? 0 : mark.turn
    const wasHeard = this.#heard
    const had = wasHeard && turn === 0 ? 0 : this.#spent(now - this.#at, processor())
    if (wasHeard && turn === 0) this.#ranMs = undefined
    if (turn === 0 || turn !== this.#turn) {
      this.#turnMs = 0
      this.#turnSince = now
      this.bytesBefore = this.#bytes
    } else this.#turnMs += had
    this.#silentMs = wasHeard ? 0 : this.#silentMs + had
    this.#turn = turn
    this.#bytes = bytes
    this.#heard = false
    this.#at = now
    const lasts = !wasHeard && turn !== 0 && this.#turnSince < now
    return {
      mark,
      silentMs: this.#silentMs,
      turnMs: lasts ? this.#turnMs : 0,
      turnWallMs: lasts ? now - this.#turnSince : 0,
      turnBytes: lasts ? bytes - this.bytesBefore : 0
    }
  }

  /** The host itself was held up, so that nothing is known of how long the cell has been silent. */
  excuse (): void {
    this.#heard = true
  }

  /** How much of the time since the last look the cell had, as far as that is known. */
  #spent (wallMs: number, processor: Processor | undefined): number {
    if (processor === undefined) return wallMs
    const { ranMs, sleeps } = processor
    // Of a first reading, half: it was looked at too late to know.
    const ran = this.#ranMs === undefined ? Math.min(ranMs, wallMs / 2) : Math.min(ranMs - this.#ranMs, wallMs)
    this.#ranMs = ranMs
    return sleeps && ran < ASLEEP_MS ? wallMs : ran
  }
}
