import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'

/** What a handler knows of its call, beside its arguments. */
export interface Context {
  /** HTTP method of the request, `HEAD` included. */
  readonly method: string
  /** Path of the request as it was sent, without the query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The query, as strings; of a repeated key an array. */
  readonly query: Readonly<Record<string, string | string[]>>
  /** URL parameters by their final name, that is, after `__map__`. */
  readonly params: Readonly<Record<string, string>>
  /** The payload without `__map__`; also one that is no JSON object. */
  readonly body: unknown
  /** UUID of the module's owner, or `local` where no `ADMIN_ID` is set. */
  readonly owner: string
  readonly module: string
  readonly api: string
  readonly requestId: string
  readonly log: FastifyBaseLogger
  /** Trusted modules: the process environment, and beneath it what `.env` says. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted at the time limit, or when the client leaves before it was answered. */
  readonly signal: AbortSignal
  /** Trusted modules only: the Fastify instance that the plugin was registered on. */
  readonly app: FastifyInstance
  /** Trusted modules only. */
  readonly request: FastifyRequest
}
