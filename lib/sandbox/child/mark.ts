import { fstatSync, writeSync } from 'node:fs'
import { MARK_BYTES, MARK_DESCRIPTOR } from '../protocol.ts'

/** Tells the host what runs, in the file that the two share: see protocol.ts. */
export class Mark {
  readonly #bytes = Buffer.alloc(MARK_BYTES)
  readonly #isThere = hasMarkFile()
  #turn = 0

  /** @param before the last call received before this tick @param last the last one in it */
  tick (before: number, last: number): void {
    this.#bytes.writeUInt32LE(before, 8)
    this.#bytes.writeUInt32LE(last, 12)
  }

  turn (isolate: number): void {
    this.#turn = (this.#turn + 1) >>> 0
    this.#bytes.writeUInt32LE(isolate, 0)
    this.#bytes.writeUInt32LE(this.#turn, 4)
    this.#write()
  }

  rest (): void {
    this.#bytes.writeUInt32LE(0, 0)
    this.#write()
  }

  #write (): void {
    if (this.#isThere) writeSync(MARK_DESCRIPTOR, this.#bytes, 0, MARK_BYTES, 0)
  }
}

/** Without a host that looks, as in tests, there is none: and the descriptor may then be one of Node's own. */
function hasMarkFile (): boolean {
  try {
    return fstatSync(MARK_DESCRIPTOR).isFile()
  } catch {
    return false
  }
}
