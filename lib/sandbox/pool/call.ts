import type { NewLogEntry } from '../../../types/status.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Limits } from '../../limits.ts'
import type { GuestError, ResponseHead } from '../protocol.ts'

/** Whose code it is, and what it may use. */
export interface Tenant {
  readonly admin: string
  readonly owner: string
  readonly limits: Limits
  readonly isolation: 'shared' | 'dedicated' | 'hardened'
  readonly webAssembly: boolean
  readonly environment: Readonly<Record<string, string>>
  record (entry: NewLogEntry): void
}

/** A version of a tenant's module; the same object for as long as that version is served. */
export interface GuestModule {
  readonly owner: string
  readonly name: string
  readonly version: string
  script (): Promise<{ code: string, checks: string }>
}

export interface SandboxCall {
  readonly tenant: Tenant
  readonly module: GuestModule
  /** JSON of a `GuestCall` without its `id`: it begins with `{"function":`. */
  readonly text: string
  /** GET or HEAD: may be run a second time where the first was lost. */
  readonly safe: boolean
  readonly requestId: string
  readonly api: string
  /** In the time of `performance.now()`. */
  readonly deadline: number
}

export type Outcome =
  | { readonly kind: 'value', readonly text: Buffer }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'response', readonly head: ResponseHead, readonly body: Buffer }
  | { readonly kind: 'error', readonly error: GuestError }

/** A module of a tenant, as long as anyone calls it. */
export interface Home {
  readonly tenant: Tenant
  readonly module: GuestModule
  /** Where new calls go. */
  isolate: Isolate | undefined
  /** Calls that wait for an isolate, in order. */
  readonly queue: Pending[]
  /** While an isolate is being made ready for the queue. */
  loading: boolean
  /** Its last loads failed: calls meanwhile get the same error. */
  failure: { readonly message: string, readonly count: number, readonly until: number } | undefined
  /** Bytes of log in the second that began at `since`: see entries.ts. */
  readonly logged: { since: number, bytes: number }
}

/** What an isolate needs to know of its cell. */
export interface Carrier {
  send (isolate: Isolate, pending: Pending): void
  drop (isolate: Isolate): void
}

export interface Isolate {
  readonly id: number
  readonly home: Home
  readonly cell: Carrier
  /** Calls that wait for an answer. */
  calls: number
  /** Calls that nobody waits for any more, and that may still be answered. */
  forgotten: number
  /** The latest of its calls, and of those that it answered: ids grow, so the first says how recently it was used. */
  called: number
  answered: number
  /** As last measured. */
  bytes: number
  /** `leaving`: takes no new calls, and is dropped after its last. `dropped`: the cell has been told. */
  state: 'live' | 'leaving' | 'dropped'
}

/** A call on its way: a class, so that all have one shape. */
export class Pending {
  readonly call: SandboxCall
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (error: Error) => void
  /** Its number in the cell where it is. */
  id = 0
  isolate: Isolate | undefined
  /** It has begun once, and was lost. */
  repeated = false
  /** How often it was taken to another cell. */
  moves = 0

  constructor (call: SandboxCall, resolve: (outcome: Outcome) => void, reject: (error: Error) => void) {
    this.call = call
    this.resolve = resolve
    this.reject = reject
  }
}

/** Why a cell or an isolate was ended, as `status().kills` counts it. */
export type Reason = 'timeout' | 'memory' | 'crash' | 'garbage'

/** What the one who broke it is told. */
export const codeOf: Readonly<Record<Reason, ErrorCode>> = {
  timeout: 'FMS_ERR_TIMEOUT', memory: 'FMS_ERR_CRASH', crash: 'FMS_ERR_CRASH', garbage: 'FMS_ERR_CRASH'
}
