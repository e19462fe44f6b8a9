import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import type { Once } from '../tokens/once.ts'
import { splitQuery } from '../tokens/target.ts'
import { digestOf, isSameDigest, refusal, type TokenKey, verify } from '../tokens/verify.ts'

/** What the gate goes by. */
export interface GateOptions {
  readonly tokens: 'off' | 'optional' | 'required'
  /** Whether calls may, or must, be sealed under the key of their token. */
  readonly sealed: 'off' | 'optional' | 'required'
  readonly ttlSecs: number
  /** How clients reach the app, with the path that a proxy takes off, if any. Else what a request says of its host counts. */
  readonly publicUrl: string | undefined
  readonly key: (kid: string) => TokenKey | undefined
  readonly once: Pick<Once, 'use'>
}

/** What a request is after. */
export interface Target {
  /** Whose module it is. */
  readonly owner: string
  /** A tenant's admin, whose keys open all that the tenant's do. */
  readonly admin?: string | undefined
  readonly need: 'call' | 'manage'
}

/** A token that fits its request, and has yet to be used. */
export interface Presented {
  readonly kid: string
  readonly owner: string
  readonly kind: 'call' | 'manage'
  readonly jti: string
  readonly request: FastifyRequest
  /** What the store knows it by. */
  readonly id: string
  readonly expiresAt: number
  /** Of the body that it is for, where it is for one only. */
  readonly bod: string | undefined
  /** Of the body that came, once that is read. */
  sent: string | undefined
  /** It let the request in. */
  isUsed: boolean
}

const nothing = digestOf('')

/** Where tokens are asked for: found and checked before the body is read, used up after. */
export class Gate {
  readonly #options: GateOptions
  /** Without the slash that paths begin with. */
  readonly #base: string | undefined

  constructor (options: GateOptions) {
    this.#options = options
    if (options.publicUrl !== undefined) {
      const { origin, pathname } = new URL(options.publicUrl)
      this.#base = origin + pathname.replace(/\/+$/, '')
    }
  }

  /**
   * The token of a request; undefined where it has none and needs none.
   *
   * @throws `FMS_ERR_TOKEN` where it needs one, or has one that does not fit
   */
  admit (request: FastifyRequest, { owner, admin, need }: Target): Presented | undefined {
    const { tokens, sealed, ttlSecs, key } = this.#options
    const isCall = need === 'call'
    if (isCall && tokens === 'off') return undefined
    const token = bearerOf(request)
    if (token === undefined) {
      if (isCall && tokens === 'optional' && sealed !== 'required') return undefined
      throw refusal()
    }
    const { path, query } = splitQuery(request.originalUrl)
    const url = this.#baseOf(request) + pathOnly(path) + (query === '' ? '' : `?${query}`)
    const manage = isCall ? undefined : { query }
    const verified = verify(token, { key, method: request.method, url, ttlSecs, manage })
    if (verified.owner !== owner && verified.owner !== admin) throw refusal()
    const { kid, kind, jti, expiresAt, bod } = verified
    return { kid, owner: verified.owner, kind, jti, request, id: `${kid} ${jti}`, expiresAt, bod, sent: undefined, isUsed: false }
  }

  /** The body, hashed as it is read, where the token says which it must be. Nothing is read of a body that nobody reads. */
  digest (presented: Presented, payload: Readable): Readable {
    return presented.bod === undefined ? payload : hashed(payload, digest => { presented.sent = digest })
  }

  /**
   * Uses the token up.
   *
   * @throws `FMS_ERR_TOKEN` where the body is another, or the token was used; `FMS_ERR_UNAVAILABLE` where the store cannot say
   */
  async consume (presented: Presented): Promise<void> {
    const { id, expiresAt, bod, sent, request } = presented
    if (bod !== undefined && !isSameDigest(bod, sent ?? unread(request))) throw refusal()
    if (!await this.#options.once.use(id, expiresAt)) throw refusal()
    presented.isUsed = true
  }

  /** What seals the call of a token, and its answer; undefined once the key is gone. */
  keyOf ({ kid }: Presented): Uint8Array | undefined {
    return this.#options.key(kid)?.secret
  }

  get sealed (): GateOptions['sealed'] {
    return this.#options.sealed
  }

  #baseOf (request: FastifyRequest): string {
    if (this.#base !== undefined) return this.#base
    const { protocol, host } = request
    // Nothing that would move the place where the path begins.
    if (!/^[-\w.:[\]]+$/.test(host)) throw refusal()
    return `${protocol}://${host}`
  }
}

/**
 * The token of the one `Authorization` header, undefined where there is none or it is of another scheme, which is the host's.
 */
function bearerOf ({ headers: { authorization }, raw: { rawHeaders } }: FastifyRequest): string | undefined {
  if (authorization === undefined) return undefined
  // Node keeps the first of several, a proxy before us may have looked at the last.
  if (rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'authorization').length > 1) throw refusal()
  if (!/^bearer(?:[\s,]|$)/i.test(authorization)) return undefined
  const token = /^bearer +(\S+)$/i.exec(authorization)?.[1]
  if (token === undefined) throw refusal()
  return token
}

/** To a proxy, a request names its host as well (absolute-form, RFC 9112, 3.2.2). */
function pathOnly (target: string): string {
  return target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/]*/i, '')
}

/** Of a body that Fastify did not read: of none at all, unless one was announced. */
function unread ({ headers }: FastifyRequest): string {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = headers
  if (length !== '0' || encoding !== undefined) throw refusal()
  return nothing
}

/** What Fastify wants to know of a body that passes through a hook: how long it was when it came in. */
type Counted = Readable & { receivedEncodedLength?: number }

function hashed (payload: Counted, whole: (digest: string) => void): Readable {
  const hash = createHash('sha256')
  let length = 0
  const passed: Counted = Readable.from(chunks(), { objectMode: false })
  // Who reads it hears of an error; once nobody does, it is no news, and must not end the process.
  passed.on('error', () => {})
  return passed

  async function * chunks (): AsyncGenerator<Buffer | string> {
    for await (const chunk of payload) {
      hash.update(chunk)
      length += Buffer.byteLength(chunk)
      passed.receivedEncodedLength = payload.receivedEncodedLength ?? length
      yield chunk
    }
    whole(hash.digest('base64url'))
  }
}
