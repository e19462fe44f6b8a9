import { createCipheriv, randomBytes } from 'node:crypto'
import type { TokenKey } from '../../lib/tokens/verify.ts'

export const owner = '0b5c7a10-4d2f-4c1e-9a55-1f6f1d3c0a01'
export const other = '0b5c7a10-4d2f-4c1e-9a55-1f6f1d3c0a02'
export const admin = '0b5c7a10-4d2f-4c1e-9a55-1f6f1d3c0a0f'

/** Keys of a tenant, of another one, of its admin. */
export const keys: Readonly<Record<string, TokenKey>> = {
  [`${owner}.call`]: { owner, kind: 'call', secret: randomBytes(32) },
  [`${owner}.manage`]: { owner, kind: 'manage', secret: randomBytes(32) },
  [`${other}.call`]: { owner: other, kind: 'call', secret: randomBytes(32) },
  [`${other}.manage`]: { owner: other, kind: 'manage', secret: randomBytes(32) },
  [`${admin}.first`]: { owner: admin, kind: 'manage', secret: randomBytes(32) }
}
export const kid = `${owner}.call`

export function secretOf (kid: string): Uint8Array {
  return (keys[kid] as TokenKey).secret
}

/** As it is given out. */
export function keyText (kid: string): string {
  return Buffer.from(secretOf(kid)).toString('base64url')
}

export interface Recipe {
  /** As it is, where it is text. */
  header?: unknown
  claims: unknown
  secret?: Uint8Array
  iv?: Uint8Array
  tagBytes?: number
  algorithm?: 'aes-256-gcm' | 'aes-128-gcm'
  /** Of the header, in place of base64url. */
  encode?: (header: Buffer) => string
}

/** The five parts of a token, made by hand: what an implementation of somebody else's, or nobody honest, sends. */
export function craft (recipe: Recipe): [header: string, wrapped: string, iv: string, ciphertext: string, tag: string] {
  const { header = { alg: 'dir', enc: 'A256GCM', kid }, claims, secret = secretOf(kid), iv = randomBytes(12), tagBytes = 16, algorithm = 'aes-256-gcm' } = recipe
  const part = (recipe.encode ?? (bytes => bytes.toString('base64url')))(Buffer.from(textOf(header)))
  const cipher = createCipheriv(algorithm, secret, iv, { authTagLength: tagBytes }).setAAD(Buffer.from(part))
  const ciphertext = Buffer.concat([cipher.update(textOf(claims)), cipher.final()])
  return [part, '', Buffer.from(iv).toString('base64url'), ciphertext.toString('base64url'), cipher.getAuthTag().toString('base64url')]
}

export function crafted (recipe: Recipe): string {
  return craft(recipe).join('.')
}

function textOf (content: unknown): string {
  return typeof content === 'string' ? content : JSON.stringify(content)
}
