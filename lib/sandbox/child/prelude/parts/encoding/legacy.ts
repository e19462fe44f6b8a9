/** Nobody has to send as much in chunks; what is kept must have an end. */
const PENDING_BYTES_MAX = 16 * 1024 * 1024

/**
 * The encodings of old, which the cell decodes. It remembers nothing between two questions, so chunks are kept until the
 * last one: what comes out is the same in all, only later.
 */
export class LegacyDecoder {
  readonly #encoding: string
  readonly #ask: (bytes: Uint8Array) => string
  #pending = new Uint8Array()

  /** @param ask answers with the text after one character, or with nothing when the bytes are no such text */
  constructor (encoding: string, ask: (bytes: Uint8Array) => string) {
    this.#encoding = encoding
    this.#ask = ask
  }

  decode (bytes: Uint8Array, last: boolean): string {
    if (!last) {
      this.#keep(bytes)
      return ''
    }
    if (this.#pending.length > 0) this.#keep(bytes)
    const answer = this.#ask(this.#pending.length > 0 ? this.#pending : bytes)
    if (answer === '') throw new TypeError(`The encoded data was not valid for encoding ${this.#encoding}`)
    return answer.slice(1)
  }

  #keep (bytes: Uint8Array): void {
    const length = this.#pending.length + bytes.length
    if (length > PENDING_BYTES_MAX) throw new RangeError(`Expected at most ${PENDING_BYTES_MAX} bytes in chunks, got ${length}`)
    const pending = new Uint8Array(length)
    pending.set(this.#pending)
    pending.set(bytes, this.#pending.length)
    this.#pending = pending
  }
}
