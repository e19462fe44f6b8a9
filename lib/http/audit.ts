import type { FastifyBaseLogger, FastifyRequest } from 'fastify'

/** One act of management: who did what, on whom, and what came of it. Not with what: that may be a secret. */
export interface Act {
  /** The function that was called. */
  readonly action: string
  /** UUID of whose management it is: an admin's tenants', or any owner's modules'. */
  readonly owner: string
  /** The key of the token; undefined where nobody has shown to have one. */
  readonly kid: string | undefined
  /** UUID of the tenant. */
  readonly on?: string | undefined
  /** An uploaded one. */
  readonly module?: string | undefined
  /** Of that: the one that it was done with. */
  readonly version?: string | undefined
  /** Refused for what the caller did, or failed for another reason. */
  readonly outcome: 'done' | 'refused' | 'failed'
  /** What the caller was told, where it was not done. */
  readonly status?: number
  readonly message?: string
}

/** Leaves the line of an act in the log; of one that only reads, at level debug. */
export function audit (log: FastifyBaseLogger, request: Pick<FastifyRequest, 'id' | 'method'>, act: Act): void {
  const reads = request.method === 'GET' || request.method === 'HEAD'
  log[reads ? 'debug' : 'info']({ audit: { ...act, requestId: request.id } }, `audit: ${act.action}: ${act.outcome}`)
}

/** The same of an act that did not reach its function: its token or its arguments were not good, or the store is away. */
export function auditRefusal (request: FastifyRequest, who: Pick<Act, 'action' | 'owner'> & { readonly kid?: string | undefined }, error: Error & { statusCode?: number }): void {
  const { statusCode: status = 500, message } = error
  audit(request.log, request, { kid: undefined, ...who, outcome: status < 500 ? 'refused' : 'failed', status, message })
}
