import { importKey, produce, type ProduceOptions, randomName } from './produce.ts'
import { seal, unseal } from './seal.ts'

/** A call whose payload and answer nobody on the way can read; what `produce` takes, but for management. */
export interface SealCallOptions extends Omit<ProduceOptions, 'manage' | 'body' | 'jti'> {
  /** What will be sent, as JSON; leave it out where nothing is sent. */
  payload?: unknown
}

/** What to send, and how to read what comes. */
export interface SealedCall {
  /** A single-use token, and types: all that `fetch` needs beside the body. */
  readonly headers: Record<string, string>
  readonly body: string | undefined
  /**
   * Opens the answer's body.
   *
   * @throws Error where it is not the sealed answer to this call
   */
  open (answer: string): Promise<SealedAnswer>
}

export interface SealedAnswer {
  /** Its content type. */
  readonly type: string | undefined
  readonly content: Uint8Array
}

/**
 * Seals a call under the key of its token. Whoever carries it sees its URL, its query and its status, and nothing else.
 *
 * @throws TypeError where an option is not what it must be
 */
export async function sealCall ({ payload, ...options }: SealCallOptions): Promise<SealedCall> {
  const { kid } = options
  const key = typeof options.key === 'string' ? await importKey(options.key) : options.key
  const jti = randomName()
  const body = payload === undefined ? undefined : await seal(JSON.stringify(payload), { kid, typ: 'call+jose', jti }, key)
  // For this query and this body only: what is added on the way, or taken off, would become arguments.
  const token = await produce({ ...options, key, jti, manage: true, ...body !== undefined && { body } })
  return {
    headers: { authorization: `Bearer ${token}`, accept: 'application/jose', ...body !== undefined && { 'content-type': 'application/jose' } },
    body,
    async open (answer) {
      const found = await unseal(answer, name => name === kid ? key : undefined)
      if (found?.header.typ !== 'reply+jose' || found.header.jti !== jti) throw new Error('expected the sealed answer to this call; found another')
      return { type: found.header.cty, content: found.content }
    }
  }
}
