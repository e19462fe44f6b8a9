import { createCipheriv, createDecipheriv, createHash, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { platformError } from '../errors.ts'

const ALGORITHM = 'aes-256-gcm'
// What NIST SP 800-38D recommends; random, it is safe for some 2^32 texts under one key.
const IV_BYTES = 12
const TAG_BYTES = 16

/** `1.<id of the key>.<iv>.<ciphertext and tag>` */
const sealedPattern = /^1\.([0-9a-f]{8})\.([\w-]{16})\.([\w-]{22,})$/

/** Encrypts what the store keeps. A text says by which key it was sealed, so that keys can be changed one after the other. */
export class Secrets {
  readonly #keys = new Map<string, KeyObject>()
  readonly #first: string | undefined

  /** @param keys 32 bytes each, as base64url; the first seals, all open */
  constructor (keys: readonly string[]) {
    for (const text of keys) {
      const key = Buffer.from(text, 'base64url')
      this.#keys.set(createHash('sha256').update(key).digest('hex').slice(0, 8), createSecretKey(key))
    }
    this.#first = this.#keys.keys().next().value
  }

  /** Names of the keys, which tell nothing of them; the one that seals first. */
  get ids (): string[] {
    return [...this.#keys.keys()]
  }

  /**
   * @param about what it is, and whose: only who says the same can open it, so that it is of no use anywhere else
   * @throws `FMS_ERR_STORE` without a key
   */
  seal (text: string | Uint8Array, about: string): string {
    if (this.#first === undefined) throw platformError('FMS_ERR_STORE', 'SECRETS_KEY: expected a key, since secrets are encrypted; found none')
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv(ALGORITHM, this.#keys.get(this.#first)!, iv, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(about))
    const data = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()])
    return `1.${this.#first}.${iv.toString('base64url')}.${data.toString('base64url')}`
  }

  /** @throws {Error} that says why, and nothing of what is in it */
  open (sealed: string, about: string): Buffer {
    const [, id, iv, text] = sealedPattern.exec(sealed) ?? []
    if (id === undefined) throw new Error('it is no sealed text')
    const key = this.#keys.get(id)
    if (key === undefined) throw new Error(`it was sealed with the key ${id}, which is not in SECRETS_KEY`)
    const data = Buffer.from(text!, 'base64url')
    try {
      const decipher = createDecipheriv(ALGORITHM, key, Buffer.from(iv!, 'base64url'), { authTagLength: TAG_BYTES })
      decipher.setAAD(Buffer.from(about)).setAuthTag(data.subarray(-TAG_BYTES))
      return Buffer.concat([decipher.update(data.subarray(0, -TAG_BYTES)), decipher.final()])
    } catch {
      throw new Error('it was changed, or sealed for something else')
    }
  }

  /** Whether the key that seals has sealed it. */
  isCurrent (sealed: string): boolean {
    return sealed.startsWith(`1.${this.#first}.`)
  }

  /** Bytes of what is in it. */
  static sizeOf (sealed: string): number {
    return Math.max(Math.floor((sealed.length - sealed.lastIndexOf('.') - 1) * 3 / 4) - TAG_BYTES, 0)
  }
}
