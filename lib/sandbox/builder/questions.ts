import type { Files } from './copy.ts'
import { unpack, type Ask, type Listing, type Reply } from './protocol.ts'

/** As on Linux; the host takes no longer ones either. */
const PATH_LENGTH_MAX = 4_096

/** What one task asks the host for. */
export class Questions implements Files {
  readonly #entry: string
  readonly #contents: Buffer
  readonly #send: (ask: string) => void
  readonly #waiting = new Map<number, { resolve (reply: { head: Reply, body: Buffer }): void }>()
  #last = 0

  /** @param contents of the entry */
  constructor (entry: string, contents: Buffer, send: (ask: string) => void) {
    this.#entry = entry
    this.#contents = contents
    this.#send = send
  }

  async list (path: string): Promise<Listing> {
    const { head: { listing = [] } } = await this.#ask('list', path)
    return listing
  }

  async read (path: string): Promise<Buffer> {
    return path === this.#entry ? this.#contents : (await this.#ask('read', path)).body
  }

  answer (payload: Buffer): void {
    const { head, body } = unpack(payload, payload.length)
    const reply = head as Reply
    this.#waiting.get(reply.number)?.resolve({ head: reply, body })
    this.#waiting.delete(reply.number)
  }

  async #ask (what: Ask['what'], path: string): Promise<{ head: Reply, body: Buffer }> {
    if (path.length > PATH_LENGTH_MAX) throw new Error('has a name that is too long')
    const number = ++this.#last
    const { promise, resolve } = Promise.withResolvers<{ head: Reply, body: Buffer }>()
    this.#waiting.set(number, { resolve })
    this.#send(JSON.stringify({ number, what, path } satisfies Ask))
    const reply = await promise
    if (reply.head.refused !== undefined) throw new Error(reply.head.refused)
    return reply
  }
}
