import { HEADER_BYTES, ToHost, type Frame } from '../protocol.ts'

/** What a cell sent is not what it may send: it is no longer what we started, and must end. */
export class Garbage extends Error {}

const KB = 1024
const MB = 1024 * KB

/**
 * Bytes that a frame may have, by type; other types do not exist. What is parsed as JSON is kept small, as parsing holds
 * up the app: a megabyte takes some milliseconds.
 */
const lengths: Readonly<Record<number, number>> = {
  [ToHost.READY]: 0,
  // The largest body that limits allow, and its head.
  [ToHost.RESULT]: 16 * MB + 512 * KB,
  [ToHost.FAILED]: MB,
  [ToHost.LOG]: 2 * MB,
  [ToHost.PONG]: 0,
  [ToHost.MEASURED]: 256 * KB,
  [ToHost.LONG]: 0
}

/** Cuts a stream of bytes into frames. Payloads are slices of what was read wherever one read holds all of a frame. */
export class FrameReader {
  #parts: Buffer[] = []
  #held = 0
  #wanted = HEADER_BYTES

  /** @throws {Garbage} */
  read (chunk: Buffer, take: (frame: Frame) => void): void {
    let bytes = chunk
    if (this.#held > 0) {
      this.#parts.push(chunk)
      this.#held += chunk.length
      // Joined once all is there, else a large frame in many small reads would be copied again at each.
      if (this.#held < this.#wanted) return
      bytes = Buffer.concat(this.#parts, this.#held)
    }
    let start = 0
    let wanted = HEADER_BYTES
    while (bytes.length - start >= HEADER_BYTES) {
      wanted = HEADER_BYTES + lengthAt(bytes, start)
      if (bytes.length - start < wanted) break
      take({ type: bytes[start + 4] as number, id: bytes.readUInt32LE(start + 5), payload: bytes.subarray(start + HEADER_BYTES, start + wanted) })
      start += wanted
      wanted = HEADER_BYTES
    }
    this.#held = bytes.length - start
    this.#parts = this.#held > 0 ? [bytes.subarray(start)] : []
    this.#wanted = wanted
  }
}

function lengthAt (bytes: Buffer, start: number): number {
  const length = bytes.readUInt32LE(start)
  const type = bytes[start + 4] as number
  const most = lengths[type]
  if (most === undefined) throw new Garbage(`a frame of unknown type ${type}`)
  if (length > most) throw new Garbage(`a frame of type ${type} with ${length} bytes, more than ${most}`)
  return length
}
