import type { Readable } from 'node:stream'
import type { Static, TSchema } from '@sinclair/typebox'
import type { descriptorSchema, commandSchema } from '../lib/describe/descriptor.ts'
import type { Context } from './context.ts'

/** The methods that an endpoint may answer. HEAD follows GET by itself. */
export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH'

/** A JSON Schema: a TypeBox schema, from which types are inferred, or a plain object from any other source. */
export type JsonSchema = TSchema | Readonly<Record<string, unknown>>

/** What `args` is to a handler: inferred from a TypeBox schema, else a record of values that the handler must check. */
export type Args<S> = S extends TSchema
  ? TSchema extends S ? Record<string, unknown> : Static<S>
  : Record<string, unknown>

/** What a handler may return under a `returns` schema. */
export type Returns<S> = S extends TSchema
  ? TSchema extends S ? unknown : Static<S> | Passthrough
  : unknown

/** Answers that pass by `returns` and the envelope as they are. */
export type Passthrough = Response | Readable | ReadableStream | Uint8Array

export type Handler<A, R> = (args: Args<A>, context: Context) => Returns<R> | Promise<Returns<R>>

/** An endpoint as a function: call it directly in a unit test, with a context of your own where the handler reads it. */
export type EndpointFunction<A, R> = (args: Args<A>, context?: Partial<Context>) => Returns<R> | Promise<Returns<R>>

type Described<D, A, R> = Omit<D, 'args' | 'returns'> & {
  /** JSON Schema of the named arguments; they are coerced and checked before the handler runs. */
  args?: A
  /** JSON Schema of the result; undeclared properties are removed, a result that does not fit is a 500. */
  returns?: R
}

/** What `endpoint()` takes: see the field's own comments. */
export type EndpointDescriptor<A = JsonSchema, R = JsonSchema> = Described<Static<typeof descriptorSchema>, A, R>

/** What `command()` takes. */
export type CommandDescriptor<A = JsonSchema, R = JsonSchema> = Described<Static<typeof commandSchema>, A, R>
