import type { Mark } from './mark.ts'

/** What one look at a cell shows. */
export interface Beat {
  /** For how long it has said nothing, though it was asked. */
  readonly silentMs: number
  readonly mark: Mark
  /** For how long the same turn has run, at least; 0 where the cell has spoken since the last look. */
  readonly turnMs: number
  /** By how much the cell has grown since that turn was seen first, and since the look before. */
  readonly turnBytes: number
}

/** Whether a cell is alive, from looks at it at intervals. */
export class Pulse {
  #heard = true
  #silentSince = 0
  #turn = 0
  #turnSince = 0
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

  /** @param bytes what the cell has now */
  beat (now: number, mark: Mark, bytes: number): Beat {
    const turn = mark.isolate === 0 ? 0 : mark.turn
    if (turn === 0 || turn !== this.#turn) {
      this.#turnSince = now
      this.bytesBefore = this.#bytes
    }
    this.#turn = turn
    this.#bytes = bytes
    const wasHeard = this.#heard
    if (wasHeard) this.#silentSince = now
    this.#heard = false
    const turnMs = wasHeard ? 0 : now - this.#turnSince
    return { silentMs: now - this.#silentSince, mark, turnMs, turnBytes: turnMs === 0 ? 0 : bytes - this.bytesBefore }
  }

  /** The host itself was held up, so that nothing is known of how long the cell has been silent. */
  excuse (): void {
    this.#heard = true
  }
}
