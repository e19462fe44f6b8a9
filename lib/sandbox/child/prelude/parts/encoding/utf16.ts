import { textOfUnits } from '../common/bytes.ts'

/** The decoder of https://encoding.spec.whatwg.org/#shared-utf-16-decoder */
export class Utf16Decoder {
  readonly #encoding: string
  readonly #fatal: boolean
  /** What a chunk before left: the first byte of a unit, and the first unit of a pair. */
  #byte: number | undefined
  #lead: number | undefined

  constructor (encoding: string, fatal: boolean) {
    this.#encoding = encoding
    this.#fatal = fatal
  }

  decode (bytes: Uint8Array, last: boolean): string {
    const units = new Uint16Array((bytes.length >> 1) + 3)
    let length = 0
    for (const byte of bytes) {
      if (this.#byte === undefined) {
        this.#byte = byte
        continue
      }
      const unit = this.#encoding === 'utf-16be' ? this.#byte << 8 | byte : byte << 8 | this.#byte
      this.#byte = undefined
      length = this.#append(units, length, unit)
    }
    if (last && (this.#byte !== undefined || this.#lead !== undefined)) units[length++] = this.#error()
    return textOfUnits(units, length)
  }

  #append (units: Uint16Array, length: number, unit: number): number {
    if (this.#lead !== undefined) {
      const whole = unit >= 0xdc00 && unit <= 0xdfff
      units[length++] = whole ? this.#lead : this.#error()
      this.#lead = undefined
      if (whole) {
        units[length] = unit
        return length + 1
      }
    }
    if (unit >= 0xd800 && unit <= 0xdbff) this.#lead = unit
    else units[length++] = unit >= 0xdc00 && unit <= 0xdfff ? this.#error() : unit
    return length
  }

  #error (): number {
    if (this.#fatal) throw new TypeError(`The encoded data was not valid for encoding ${this.#encoding}`)
    return 0xfffd
  }
}
