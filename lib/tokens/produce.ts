import { fromBase64url, toBase64url } from './base64url.ts'
import { type Claims, headerOf, IV_BYTES, KEY_BYTES, kidPattern, MOST_CHARACTERS, TAG_BYTES } from './profile.ts'

/** A key as WebCrypto has it, here and in browsers. */
export type TokenCryptoKey = Parameters<typeof crypto.subtle.encrypt>[1]

/** What a token is made of. */
export interface ProduceOptions {
  /** Names the key: `<uuid of its owner>.<id>`. */
  kid: string
  /** The key: as it was given out (32 bytes in base64url, 43 characters), or what `importKey` made of that. */
  key: string | TokenCryptoKey
  /** The request's method, in capitals. */
  method: string
  /** The request's absolute URL, with its query. */
  url: string | URL
  /**
   * For management, and for sealed calls: the token then is for this query and this body only.
   *
   * @default false
   */
  manage?: boolean
  /** With `manage`: the body, exactly as it will be sent. */
  body?: string | Uint8Array
  /**
   * How long it is valid, in seconds.
   *
   * @default 30
   */
  ttlSecs?: number
  /**
   * Tells it from all others of its key: up to 64 characters of visible ASCII.
   *
   * @default 16 random bytes in base64url
   */
  jti?: string
  /**
   * The time, in milliseconds since the epoch.
   *
   * @default Date.now()
   */
  now?: number
}

/**
 * Makes a token for one request, to be sent as `Authorization: Bearer <token>`. It is accepted once: make another for
 * the next request, and for a retry.
 *
 * @throws TypeError where an option is not what it must be
 */
export async function produce (options: ProduceOptions): Promise<string> {
  const { kid, method, manage = false, body = '', ttlSecs = 30, jti = randomName(), now = Date.now() } = options
  check(kidPattern.test(kid), 'kid', '"<uuid>.<id>" in lower case, as it was given out with the key', kid)
  check(/^[A-Z]+(?:-[A-Z]+)*$/.test(method), 'method', 'an HTTP method in capitals', method)
  check(Number.isInteger(ttlSecs) && ttlSecs >= 1 && ttlSecs <= 3600, 'ttlSecs', 'whole seconds from 1 to 3600', ttlSecs)
  check(/^[!-~]{1,64}$/.test(jti), 'jti', 'up to 64 characters of visible ASCII', jti)
  check(Number.isFinite(now), 'now', 'milliseconds since the epoch', now)
  check(typeof body === 'string' || body instanceof Uint8Array, 'body', 'a string or Uint8Array, exactly as it will be sent', typeof body)
  const { origin, pathname, search } = absolute(options.url)
  const key = typeof options.key === 'string' ? await importKey(options.key) : options.key
  check(isFitting(key), 'key', 'what importKey() makes, or an AES-GCM key of 256 bits that may encrypt')

  const iat = Math.floor(now / 1000)
  const token = await encrypt({
    iat,
    exp: iat + ttlSecs,
    jti,
    htm: method,
    htu: origin + pathname,
    ...(manage && { bod: await sha256(body), qry: await sha256(search.slice(1)) })
  }, kid, key)
  check(token.length <= MOST_CHARACTERS, 'url', `one that fits in a token of ${MOST_CHARACTERS} characters`, `a token of ${token.length}`)
  return token
}

/**
 * Makes a key for `produce`, and for sealed calls, that nothing can read out again, as a browser should keep it (in IndexedDB, say).
 *
 * @throws TypeError where it is no key
 */
export async function importKey (secret: string): Promise<TokenCryptoKey> {
  // Its last character carries four bits, hence sixteen of 64. A key is never shown, also not a wrong one.
  check(/^[-\w]{42}[AEIMQUYcgkosw048]$/.test(secret), 'key', `${KEY_BYTES} bytes in base64url (43 characters), as it was given out`)
  return await crypto.subtle.importKey('raw', fromBase64url(secret)!, 'AES-GCM', false, ['encrypt', 'decrypt'])
}

/** A `jti` like no other. */
export function randomName (): string {
  return toBase64url(random(16))
}

async function encrypt (claims: Claims, kid: string, key: TokenCryptoKey): Promise<string> {
  const header = toBase64url(bytes(JSON.stringify(headerOf(kid))))
  const iv = random(IV_BYTES)
  const algorithm = { name: 'AES-GCM', iv, additionalData: bytes(header) }
  const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, bytes(JSON.stringify(claims))))
  const [ciphertext, tag] = [sealed.subarray(0, -TAG_BYTES), sealed.subarray(-TAG_BYTES)]
  return `${header}..${toBase64url(iv)}.${toBase64url(ciphertext)}.${toBase64url(tag)}`
}

function isFitting (key: TokenCryptoKey): boolean {
  const { algorithm, usages }: Partial<TokenCryptoKey> = key ?? {}
  return algorithm?.name === 'AES-GCM' && 'length' in algorithm && algorithm.length === KEY_BYTES * 8 && usages?.includes('encrypt') === true
}

function absolute (url: string | URL): URL {
  const text = String(url)
  check(URL.canParse(text) && /^https?:/i.test(text), 'url', 'an absolute one with http: or https:', text)
  return new URL(text)
}

async function sha256 (data: string | Uint8Array): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes(data))))
}

function random (length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length))
}

function bytes (data: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return typeof data === 'string' ? new TextEncoder().encode(data) : Uint8Array.from(data)
}

function check (fits: boolean, option: string, expected: string, ...found: unknown[]): void {
  if (!fits) throw new TypeError([`${option}: expected ${expected}`, ...found.map(value => `found ${typeof value === 'string' ? JSON.stringify(value) : String(value)}`)].join('; '))
}
