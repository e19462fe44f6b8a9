import { HEADER_BYTES, type Frame } from '../protocol.ts'

/** Cuts what comes from the host into frames. It is trusted, and its bytes are copied only where a frame came in pieces. */
export class FrameReader {
  #pieces: Buffer[] = []
  #held = 0
  #wanted = HEADER_BYTES

  read (chunk: Buffer, take: (frame: Frame) => void): void {
    let bytes = chunk
    if (this.#held > 0) {
      this.#pieces.push(chunk)
      this.#held += chunk.length
      if (this.#held < this.#wanted) return
      bytes = Buffer.concat(this.#pieces, this.#held)
    }
    let start = 0
    for (;;) {
      const rest = bytes.length - start
      this.#wanted = rest < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + bytes.readUInt32LE(start)
      if (rest < this.#wanted) break
      const end = start + this.#wanted
      take({ type: bytes[start + 4] as number, id: bytes.readUInt32LE(start + 5), payload: bytes.subarray(start + HEADER_BYTES, end) })
      start = end
    }
    this.#held = bytes.length - start
    this.#pieces = this.#held > 0 ? [bytes.subarray(start)] : []
  }
}
