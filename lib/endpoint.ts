import type { TSchema } from '@sinclair/typebox'
import type {
  CommandDescriptor, EndpointDescriptor, EndpointFunction, JsonSchema, Handler
} from '../types/endpoint.ts'

/**
 * Marks what `endpoint()` and `command()` return. Registered, not local: a module may bring its own copy of this
 * package, and its endpoints must still be found.
 */
export const endpointSymbol: unique symbol = Symbol.for('fastify-microservices.endpoint') as never

export type Tag =
  | { kind: 'function', descriptor: unknown, handler: unknown }
  | { kind: 'command', descriptor: unknown }

/**
 * Makes a REST endpoint of a function: returns a new function, tagged with its descriptor, that can still be called
 * directly (in a unit test, say). One handler may serve several endpoints.
 *
 * The descriptor is checked when the module is loaded, not here: a wrong one refuses this endpoint alone, in a report
 * that names file and field (`FMS_ERR_DESCRIPTOR`).
 */
export function endpoint<const A extends JsonSchema = TSchema, const R extends JsonSchema = TSchema> (
  descriptor: EndpointDescriptor<A, R>, handler: Handler<A, R>
): EndpointFunction<A, R> {
  const call: EndpointFunction<A, R> = (args, context) => handler(args, context as never)
  return tag(call, { kind: 'function', descriptor, handler })
}

/**
 * Makes a REST endpoint of any program: `args` go to its stdin as JSON, JSON comes from its stdout; no shell is
 * involved and its environment is `PATH` and `env` only. Trusted modules only.
 *
 * The program and all that it started are killed at the time limit (`timeoutSecs`, at most `MAX_FUNCTION_SECS`):
 * `FMS_ERR_TIMEOUT`. A non-zero exit is `FMS_ERR_CRASH`, output that is no JSON or too much is `FMS_ERR_RESPONSE`,
 * too many calls at once are `FMS_ERR_BUSY`.
 */
export function command<const A extends JsonSchema = TSchema, const R extends JsonSchema = TSchema> (
  descriptor: CommandDescriptor<A, R>
): EndpointFunction<A, R> {
  const call: EndpointFunction<A, R> = () => {
    throw new TypeError('a command() endpoint runs as an endpoint only; it cannot be called directly')
  }
  return tag(call, { kind: 'command', descriptor })
}

/**
 * Throws an error that the caller of the endpoint sees, unless `value` is truthy.
 *
 * @param status HTTP status of the answer, 400 to 599; default 400. Messages of 5xx are never shown to callers.
 */
export function assert (value: unknown, status = 400, message = 'Assertion failed'): asserts value {
  if (!value) fail(status, message)
}

/** Throws an error that becomes the endpoint's answer: `status` 400 to 599, `message` as its text (never of a 5xx). */
export function fail (status: number, message: string): never {
  throw Object.assign(new Error(message), { statusCode: status })
}

/** The tag of an endpoint function, or undefined for any other value. */
export function tagOf (value: unknown): Tag | undefined {
  return typeof value === 'function' ? (value as { [endpointSymbol]?: Tag })[endpointSymbol] : undefined
}

function tag<F extends Function> (call: F, value: Tag): F {
  return Object.defineProperty(call, endpointSymbol, { value })
}
