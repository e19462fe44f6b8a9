import type { FastifyRequest } from 'fastify'
import type { Static } from '@sinclair/typebox'
import type { optionsSchema } from '../lib/settings.ts'

/** What a call was resolved to, as `authorize` sees it. */
export interface CallMatch {
  readonly owner: string
  readonly module: string
  readonly api: string
  readonly method: string
  /** Slugs as they were sent, decoded. */
  readonly slugs: readonly string[]
}

/** Decides on each call: false is a 403, a throw is the throw's `statusCode` (else 500), anything else goes on. */
export type Authorize = (request: FastifyRequest, match: CallMatch) => unknown

/** What `app.register(microservices, options)` takes. UPPER-CASE settings may come from the environment instead. */
export type MicroservicesOptions = Static<typeof optionsSchema> & {
  /** Names of URL parameters by position, from 1. Default: `parm_<n>`. */
  readonly [name: `URL_PARM${number}`]: string
}
