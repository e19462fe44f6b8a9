/**
 * The profile of our tokens, for both sides. A token is a compact JWE (RFC 7516) in which nothing is left to choose: its
 * content is encrypted directly (`dir`) by AES-256-GCM under a key that both sides have,
 *
 *     BASE64URL(header) . (no wrapped key) . BASE64URL(iv) . BASE64URL(ciphertext) . BASE64URL(tag)
 *
 * with the header's BASE64URL text as additional data. Its content are these claims, as JSON.
 */
export interface Claims {
  /** When it was made, in seconds since the epoch. */
  readonly iat: number
  /** When it ends. */
  readonly exp: number
  /** Unlike that of any other token of this key: 1 to 64 characters of visible ASCII. */
  readonly jti: string
  /** The request's method. */
  readonly htm: string
  /** The request's absolute URL, without query and fragment (as in RFC 9449). */
  readonly htu: string
  /** For management, and for sealed calls: SHA-256 of the body's bytes, in base64url. */
  readonly bod?: string
  /** Beside `bod`: SHA-256 of the query as it is sent, without its `?`, in base64url. */
  readonly qry?: string
}

/** The only header there is, but for the name of the key: `<uuid of its owner, or "local">.<id>`. */
export const headerOf = (kid: string) => ({ alg: 'dir', enc: 'A256GCM', kid })
export const kidPattern = /^(?:local|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})\.[-\w]{1,32}$/

export const KEY_BYTES = 32
/** Random for each token, as a token has no other nonce (RFC 7518, 5.3). */
export const IV_BYTES = 12
export const TAG_BYTES = 16
/** Of a whole token: room for a URL of 2,500 characters, and for other headers beside it in the 16 KB that Node takes. */
export const MOST_CHARACTERS = 4096
