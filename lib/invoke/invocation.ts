import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Match } from '../catalog/snapshot.ts'
import type { Mask } from '../mask.ts'
import type { Settings } from '../options.ts'
import type { Standing } from '../tenancy/tenants.ts'

/** A call with its arguments checked: all that an endpoint's code will see. */
export interface Invocation {
  readonly match: Match
  /** Empty for a tenant's endpoint, which makes them itself. */
  readonly args: Record<string, unknown>
  /** A tenant's: the JSON payload as text; undefined for none, or another content type's. */
  readonly payload?: string | undefined
  /** A tenant's: who that was when the match was made. */
  readonly tenant?: Standing | undefined
  readonly params: Readonly<Record<string, string>>
  /** Whether the request's body has a `__map__`, which endpoints do not see. */
  readonly mapped: boolean
  readonly request: FastifyRequest
  readonly response: ServerResponse
  /** When its arguments were read, in milliseconds since the epoch. */
  readonly since: number
  /** Aborted at the endpoint's time limit, where it has one; the answer may still be a stream then. */
  late?: AbortSignal
}

/** What all calls have in common. */
export interface Host {
  readonly app: FastifyInstance
  readonly settings: Settings
  readonly mask: Mask | undefined
}
