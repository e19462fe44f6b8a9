import type { ServerResponse } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { Match } from '../catalog/snapshot.ts'
import type { Invocation } from '../invoke/invocation.ts'
import type { Standing } from '../tenancy/tenants.ts'
import type { Presented } from './gate.ts'

/** Where a request carries what our hooks found out about it. */
export const callKey: unique symbol = Symbol('fastify-microservices.call') as never

/** A request's way through our hooks: matched in onRequest, an invocation after preHandler. Or a listing. */
export type Call = {
  /** The token that came with it, which may still have been used before. */
  presented: Presented | undefined
} & ({
  readonly match: Match
  invocation: Invocation | undefined
  /** A tenant's: the JSON payload as it was sent, and what it was parsed to. */
  payload: { readonly text: string, readonly body: unknown } | undefined
  /** Whose it was when the match was made. */
  readonly tenant: Standing | undefined
  /** Its end stands in the owner's log, or will. */
  isEntered: boolean
} | {
  readonly match: undefined
  readonly list: () => unknown
})

type Carrier = FastifyRequest & { [callKey]: Call | null }

export function setCall (request: FastifyRequest, call: Call): void {
  (request as Carrier)[callKey] = call
}

/** Our hooks run in one order on every route of ours, so the call is there. */
export function getCall (request: FastifyRequest): Call {
  return (request as Carrier)[callKey] as Call
}

/** What a call is answered by. */
export function responseOf (request: FastifyRequest): ServerResponse {
  return (getCall(request) as Extract<Call, { invocation: unknown }>).invocation!.response
}

/** Whose token let a call in; undefined where none did. */
export function callerOf (request: FastifyRequest): Pick<Presented, 'kid' | 'owner' | 'kind'> | undefined {
  return (request as Partial<Carrier>)[callKey]?.presented
}
