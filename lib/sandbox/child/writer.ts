import type { Socket } from 'node:net'
import { HEADER_BYTES, ResultKind, ToHost } from '../protocol.ts'

/** What a tick of hello worlds fills. A buffer that has been sent is used again; more than these are not kept. */
const BUFFER_BYTES = 64 * 1024
const SPARE_BUFFERS = 8
/** Up to here, room for the longest form of a text is cheaper than its exact length. */
const SHORT_CHARACTERS = 4 * 1024
const UTF8_BYTES_MAX = 3

/** Frames to the host, many in one write. */
export class Writer {
  readonly #socket: Socket
  readonly #spare: Buffer[] = []
  #buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  #length = 0
  /** When it last wrote, by `performance.now()`. */
  flushedAt = 0

  constructor (socket: Socket) {
    this.#socket = socket
  }

  frame (type: number, id: number, text = ''): void {
    this.#reserve(HEADER_BYTES + sizeOf(text))
    const start = this.#length
    this.#end(start, type, id, this.#buffer.write(text, start + HEADER_BYTES, 'utf8'))
  }

  /** @returns bytes of the text, or undefined when they are more than `limit`: then nothing is written */
  result (call: number, kind: number, text: string, limit: number): number | undefined {
    this.#reserve(HEADER_BYTES + 1 + sizeOf(text))
    const start = this.#length
    this.#buffer[start + HEADER_BYTES] = kind
    const bytes = this.#buffer.write(text, start + HEADER_BYTES + 1, 'utf8')
    if (bytes > limit) return undefined
    this.#end(start, ToHost.RESULT, call, bytes + 1)
    return bytes
  }

  /** As `result`, of a head and a body that is text, or one byte for each character. */
  response (call: number, head: string, body: string, encoding: 'utf8' | 'latin1', limit: number): number | undefined {
    this.#reserve(HEADER_BYTES + 5 + sizeOf(head) + sizeOf(body))
    const start = this.#length
    const at = start + HEADER_BYTES
    this.#buffer[at] = ResultKind.RESPONSE
    const headBytes = this.#buffer.write(head, at + 5, 'utf8')
    this.#buffer.writeUInt32LE(headBytes, at + 1)
    const bytes = this.#buffer.write(body, at + 5 + headBytes, encoding)
    if (bytes > limit) return undefined
    this.#end(start, ToHost.RESULT, call, 5 + headBytes + bytes)
    return bytes
  }

  flush (): void {
    this.flushedAt = performance.now()
    if (this.#length === 0) return
    const buffer = this.#buffer
    const bytes = buffer.subarray(0, this.#length)
    this.#length = 0
    this.#buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)
    this.#socket.write(bytes, () => {
      if (buffer.length === BUFFER_BYTES && this.#spare.length < SPARE_BUFFERS) this.#spare.push(buffer)
    })
  }

  #end (start: number, type: number, id: number, payloadBytes: number): void {
    this.#buffer.writeUInt32LE(payloadBytes, start)
    this.#buffer[start + 4] = type
    this.#buffer.writeUInt32LE(id, start + 5)
    this.#length = start + HEADER_BYTES + payloadBytes
  }

  #reserve (bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    this.flush()
    if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(bytes)
  }
}

/** Bytes that a text takes at most. */
function sizeOf (text: string): number {
  return text.length <= SHORT_CHARACTERS ? UTF8_BYTES_MAX * text.length : Buffer.byteLength(text)
}
