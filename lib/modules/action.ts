import type { TObject, TProperties, TSchema } from '@sinclair/typebox'
import type { Context } from '../../types/context.ts'
import type { Args, EndpointDescriptor, EndpointFunction, Handler, Returns } from '../../types/endpoint.ts'
import { endpoint, fail } from '../endpoint.ts'
import { messageOf } from '../errors.ts'
import { type Act, audit } from '../http/audit.ts'
import { callerOf } from '../http/call.ts'
import { canonicalUuid, namePattern } from '../names.ts'
import { show } from '../show.ts'

/** As much of a name as the log needs. */
const NAME_LENGTH_MAX = 100

/**
 * Makes an endpoint of management. It refuses arguments that it does not declare (a misspelt limit must not pass for a
 * success) and payloads of other types than it declares (`null` for a number would pass for 0); and each call leaves its
 * line in the log.
 *
 * @param action what the log calls it
 */
export function action<const A extends TObject, const R extends TSchema> (
  action: string, descriptor: EndpointDescriptor<A, R> & { args: A }, handler: Handler<NoInfer<A>, NoInfer<R>>
): EndpointFunction<A, R> {
  return endpoint(descriptor as EndpointDescriptor<A, R>, async (args: Args<A>, context: Context): Promise<Returns<R>> => {
    const { owner, request, log } = context
    const act = { action, owner, kid: callerOf(request)?.kid, on: uuidOf(args), module: moduleOf(args) }
    try {
      refuseOthers(args, context.body, descriptor.args.properties)
      const result = await handler(args, context)
      audit(log, request, { ...act, on: act.on ?? uuidOf(result), version: versionOf(result), outcome: 'done' })
      return result
    } catch (error) {
      audit(log, request, { ...act, ...outcomeOf(error) })
      throw error
    }
  })
}

/** In its canonical form only: anything else may be anything. */
function uuidOf (value: unknown): string | undefined {
  const { uuid } = (value ?? {}) as { uuid?: unknown }
  return typeof uuid === 'string' ? canonicalUuid(uuid) : undefined
}

/** Of an uploaded module: the one that an act was about in the end. */
function versionOf (result: unknown): string | undefined {
  const { version } = (result ?? {}) as { version?: unknown }
  return typeof version === 'string' && /^[\da-f]{64}$/.test(version) ? version : undefined
}

/** Of one that can be the name of a module. */
function moduleOf ({ module }: { module?: unknown }): string | undefined {
  return typeof module === 'string' && namePattern.test(module) ? module.slice(0, NAME_LENGTH_MAX) : undefined
}

/** Of a failure of ours, the error's own line in the log tells more. */
function outcomeOf (error: unknown): Pick<Act, 'outcome' | 'status' | 'message'> {
  const { statusCode = 500 } = error as { statusCode?: number }
  return statusCode < 500 ? { outcome: 'refused', status: statusCode, message: messageOf(error) } : { outcome: 'failed', status: statusCode }
}

const types: Readonly<Record<string, { of: string, text: string }>> = {
  string: { of: 'string', text: 'text' },
  boolean: { of: 'boolean', text: 'true or false' },
  integer: { of: 'number', text: 'a number' },
  number: { of: 'number', text: 'a number' }
}

/** By hand, since Fastify's settings have Ajv remove what is not declared, and turn types into one another as a query needs it. */
function refuseOthers (args: object, body: unknown, properties: TProperties): void {
  const unknown = Object.keys(args).find(name => !Object.hasOwn(properties, name))
  if (unknown !== undefined) fail(400, `expected no arguments but ${Object.keys(properties).join(', ')}; found ${show(unknown)}`)
  // An upload's bytes are no names, and are millions.
  if (typeof body !== 'object' || body === null || ArrayBuffer.isView(body)) return
  for (const [name, value] of Object.entries(body)) {
    const expected = Object.hasOwn(properties, name) ? types[properties[name]?.type as string] : undefined
    const found = typeof value
    // Of what type, not what: it may be a secret.
    if (expected !== undefined && found !== expected.of) fail(400, `${name}: expected ${expected.text}; found ${value === null ? 'null' : `a value of type ${found}`}`)
  }
}
