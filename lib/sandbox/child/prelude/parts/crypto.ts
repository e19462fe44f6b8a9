import { bytesOf, fromLatin1, toLatin1 } from './common/bytes.ts'
import { type Host, type Part, connect, exception, host } from './common/cell.ts'
import { need } from './common/interface.ts'

/** The standard's own. */
const RANDOM_BYTES_MAX = 65_536

const DIGESTS = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512']

function isIntegers (value: unknown): value is Uint8Array {
  if (!ArrayBuffer.isView(value) || value instanceof DataView) return false
  const name = (value as Uint8Array)[Symbol.toStringTag] as string
  return !name.startsWith('Float')
}

const functions = {
  getRandomValues<T> (array: T): T {
    need(arguments, 1)
    if (!isIntegers(array)) throw exception('The data argument must be an integer-type TypedArray', 'TypeMismatchError')
    const bytes = bytesOf(array)!
    if (bytes.length > RANDOM_BYTES_MAX) {
      throw exception(`The requested length exceeds ${RANDOM_BYTES_MAX.toLocaleString('en')} bytes`, 'QuotaExceededError')
    }
    bytes.set(fromLatin1(host('random', String(bytes.length))))
    return array
  },
  randomUUID: (): string => host('uuid', ''),
  async digest (algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    need(arguments, 2)
    const bytes = bytesOf(data)
    if (bytes === undefined) throw new TypeError('The "data" argument must be an ArrayBuffer or a view of one.')
    const name = typeof algorithm === 'object' && algorithm !== null ? (algorithm as { name?: unknown }).name : algorithm
    if (name === undefined) throw new TypeError('Expected the name of an algorithm')
    const upper = `${name as string}`.toUpperCase()
    if (!DIGESTS.includes(upper)) throw exception('Unrecognized algorithm name', 'NotSupportedError')
    return fromLatin1(host('digest', `${upper}\n${toLatin1(bytes)}`)).buffer
  }
}

function tagged<T extends object> (object: T, tag: string): T {
  return Object.defineProperty(object, Symbol.toStringTag, { value: tag, configurable: true })
}

export default function crypto (host: Host, part: Part): Record<string, unknown> {
  connect(host, part)
  const { getRandomValues, randomUUID, digest } = functions
  const subtle = tagged({ digest }, 'SubtleCrypto')
  return { crypto: tagged({ getRandomValues, randomUUID, subtle }, 'Crypto') }
}
