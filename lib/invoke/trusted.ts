import type { ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'
import type { Context } from '../../types/context.ts'
import { maskedLog } from '../mask.ts'
import type { Host, Invocation } from './invocation.ts'

/** What a trusted function knows of its call. Getters, since most functions look at little of it. */
export class TrustedContext implements Context {
  readonly #host: Host
  readonly invocation: Invocation
  #controller: AbortController | undefined
  #log: FastifyBaseLogger | undefined

  constructor (host: Host, invocation: Invocation) {
    this.#host = host
    this.invocation = invocation
  }

  get method (): string { return this.request.method }
  get path (): string { return this.request.url.split('?', 1)[0] as string }
  get headers (): Context['headers'] { return this.request.headers }
  get query (): Context['query'] { return this.request.query as Context['query'] }
  get params (): Context['params'] { return this.invocation.params }
  get owner (): string { return this.invocation.match.module.owner }
  get module (): string { return this.invocation.match.module.name }
  get api (): string { return this.invocation.match.api }
  get requestId (): string { return this.request.id }
  get env (): Context['env'] { return this.#host.settings.environment }
  get app (): FastifyInstance { return this.#host.app }
  get request (): FastifyRequest { return this.invocation.request }
  get response (): ServerResponse { return this.invocation.response }

  get body (): unknown {
    const { body } = this.request
    // Here, for those who look: to delete it from the payload would cost every call with a map 4 µs.
    return this.invocation.mapped ? Object.fromEntries(Object.entries(body as object).filter(([name]) => name !== '__map__')) : body
  }

  get log (): FastifyBaseLogger {
    this.#log ??= maskedLog(this.request.log, this.#host.mask)
    return this.#log
  }

  get signal (): AbortSignal {
    if (this.#controller === undefined) {
      const controller = this.#controller = new AbortController()
      const { response } = this
      const leave = (): void => {
        if (!response.writableEnded) controller.abort(new DOMException('the client left before it was answered', 'AbortError'))
      }
      if (response.closed) leave()
      else response.once('close', leave)
    }
    return this.#controller.signal
  }

  abort (reason: Error): void {
    void this.signal
    this.#controller?.abort(reason)
  }
}
