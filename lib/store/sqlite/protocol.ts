import type { ErrorCode } from '../../errors.ts'

/** What the store asks of its worker. All writes of one request are one transaction, reads see what is committed. */
export interface Request {
  readonly id: number
  readonly kind: 'open' | 'read' | 'write' | 'close'
  readonly operations: readonly Operation[]
}

/** An operation's name and what it is given: arrays cost less to copy than objects. */
export type Operation = readonly [name: string, ...values: unknown[]]

/** Either all of a request failed, or each operation has a value or a failure of its own. */
export interface Reply {
  readonly id: number
  readonly outcomes?: readonly Outcome[]
  readonly failure?: Failure
}

export interface Outcome { readonly value?: unknown, readonly failure?: Failure }

/** An error as it crosses between threads. */
export interface Failure { readonly code: ErrorCode, readonly text: string }

/** What the worker is started with. */
export interface WorkerData { readonly file: string }

/** What an operation is called with, and gives. */
export type ValuesOf<Operation> = Operation extends (transaction: never, ...values: infer Values) => unknown ? Values : never
export type ResultOf<Operation> = Operation extends (...values: never[]) => infer Result ? Result : never
