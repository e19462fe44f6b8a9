import { fromBase64url, toBase64url } from './base64url.ts'
import { importKey, type TokenCryptoKey } from './produce.ts'
import { IV_BYTES, KEY_BYTES, kidPattern, MOST_CHARACTERS, TAG_BYTES } from './profile.ts'

/** What anyone can read of something sealed, and nobody can change. */
export interface SealHeader {
  /** Names the key: `<uuid of its owner>.<id>`. */
  readonly kid: string
  /** What it is, so that nothing sealed passes for something else. */
  readonly typ: 'call+jose' | 'reply+jose' | 'module+jose'
  /** Tells it from all others of its key and type: up to 64 characters of visible ASCII. */
  readonly jti: string
  /** Content type of what is sealed. */
  readonly cty?: string
  /** When it was sealed, in seconds since the epoch. */
  readonly iat?: number
  /** When it ends. */
  readonly exp?: number
  /** Whose module it is: a UUID, or `local`. */
  readonly owner?: string
  /** Name of the module that it is. */
  readonly module?: string
}

export interface Unsealed {
  readonly header: SealHeader
  readonly content: Uint8Array
}

type Unchecked = Record<string, unknown>

const text = (pattern: RegExp) => (value: unknown): boolean => typeof value === 'string' && pattern.test(value)

/** What a header may have, in the order in which it is written. */
const members: Readonly<Record<string, (value: unknown) => boolean>> = {
  alg: value => value === 'dir',
  enc: value => value === 'A256GCM',
  kid: text(kidPattern),
  typ: text(/^(?:call|reply|module)\+jose$/),
  jti: text(/^[!-~]{1,64}$/),
  cty: text(/^[ -~]{1,200}$/),
  iat: Number.isSafeInteger,
  exp: Number.isSafeInteger,
  owner: text(/^[-\w]{1,36}$/),
  module: text(/^[-\w]{1,200}$/)
}
const needed = ['alg', 'enc', 'kid', 'typ', 'jti']

/**
 * Encrypts content under a key, as a compact JWE (RFC 7516) by the same profile as tokens: `dir` and `A256GCM`, and no
 * member in its header but those of `SealHeader`.
 *
 * @param key as it was given out, its 32 bytes, or an AES-GCM key of WebCrypto's
 * @throws TypeError where the header or the key is not what it must be
 */
export async function seal (content: string | Uint8Array, header: SealHeader, key: TokenCryptoKey | Uint8Array | string): Promise<string> {
  const whole: Unchecked = { alg: 'dir', enc: 'A256GCM', ...header }
  const wrong = wrongIn(whole)
  if (wrong !== undefined) throw new TypeError(`${wrong}: expected what SealHeader says of it; found ${JSON.stringify(whole[wrong]) ?? 'nothing'}`)
  const head = toBase64url(new TextEncoder().encode(JSON.stringify(whole, Object.keys(members))))
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
  const data = typeof content === 'string' ? new TextEncoder().encode(content) : content as Uint8Array<ArrayBuffer>
  const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithmOf(iv, head), await fitting(key, 'encrypt'), data))
  return `${head}..${toBase64url(iv)}.${toBase64url(sealed.subarray(0, -TAG_BYTES))}.${toBase64url(sealed.subarray(-TAG_BYTES))}`
}

/**
 * Opens what was sealed; undefined whatever is wrong with it. What its header says has to be held against what was
 * expected: its type, its times, and whether its `jti` was seen before.
 *
 * @param key finds the key that it names
 * @throws TypeError where the key is none
 */
export async function unseal (sealed: string, key: (kid: string) => Uint8Array | TokenCryptoKey | undefined): Promise<Unsealed | undefined> {
  const [head = '', wrapped, ivText = '', ciphertext = '', tag = '', ...more] = sealed.split('.', 6)
  const header = head.length <= MOST_CHARACTERS ? readHeader(head) : undefined
  const found = header && key(header.kid)
  const iv = fromBase64url(ivText)
  const data = joined(fromBase64url(ciphertext), fromBase64url(tag))
  if (header === undefined || found === undefined || wrapped !== '' || more.length > 0 || iv?.length !== IV_BYTES || data === undefined) return undefined
  const fit = await fitting(found, 'decrypt')
  try {
    return { header, content: new Uint8Array(await crypto.subtle.decrypt(algorithmOf(iv, head), fit, data)) }
  } catch {
    return undefined
  }
}

function algorithmOf (iv: Uint8Array<ArrayBuffer>, head: string) {
  return { name: 'AES-GCM', iv, additionalData: new TextEncoder().encode(head) }
}

async function fitting (key: TokenCryptoKey | Uint8Array | string, usage: 'encrypt' | 'decrypt'): Promise<TokenCryptoKey> {
  if (typeof key === 'string') return await importKey(key)
  const isRaw = key instanceof Uint8Array
  const isFitting = isRaw
    ? key.length === KEY_BYTES
    : key.algorithm.name === 'AES-GCM' && 'length' in key.algorithm && key.algorithm.length === KEY_BYTES * 8 && key.usages.includes(usage)
  if (!isFitting) throw new TypeError(`key: expected ${KEY_BYTES} bytes, or an AES-GCM key of 256 bits that may ${usage}; found another`)
  return isRaw ? await crypto.subtle.importKey('raw', key as Uint8Array<ArrayBuffer>, 'AES-GCM', false, [usage]) : key
}

/** Where it is ours, in any order. JSON lets a member come twice: then it is not what it is read to be. */
function readHeader (head: string): SealHeader | undefined {
  const bytes = fromBase64url(head)
  try {
    const json = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const whole: unknown = JSON.parse(json)
    const isOurs = typeof whole === 'object' && whole !== null && wrongIn(whole as Unchecked) === undefined && bare(json) === bare(JSON.stringify(whole))
    if (!isOurs) return undefined
    const { alg, enc, ...header } = whole as SealHeader & Unchecked
    return header
  } catch {
    return undefined
  }
}

/** The first member that is missing, or not what it must be. */
function wrongIn (header: Unchecked): string | undefined {
  const unknown = Object.keys(header).find(name => header[name] !== undefined && !Object.hasOwn(members, name))
  return unknown ?? Object.keys(members).find(name => header[name] === undefined ? needed.includes(name) : !members[name]!(header[name]))
}

/** Without the spaces that may stand between members. */
function bare (json: string): string {
  return json.replaceAll(/\s/g, '')
}

/** The tag follows what it is of, as WebCrypto has it. */
function joined (ciphertext: Uint8Array | undefined, tag: Uint8Array | undefined): Uint8Array<ArrayBuffer> | undefined {
  if (ciphertext === undefined || tag?.length !== TAG_BYTES) return undefined
  const data = new Uint8Array(ciphertext.length + TAG_BYTES)
  data.set(ciphertext)
  data.set(tag, ciphertext.length)
  return data
}
