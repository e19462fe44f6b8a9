import { Type } from '@sinclair/typebox'
import { fail } from '../../endpoint.ts'
import { limitsSchema } from '../../limits.ts'
import { canonicalUuid } from '../../names.ts'
import { show } from '../../show.ts'
import { ENTRY_BYTES_MAX, ENTRY_NAME_LENGTH_MAX, USERID_LENGTH_MAX } from '../../tenancy/rules.ts'

export const Uuid = Type.String({ description: 'UUID of a tenant', examples: ['5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e'] })

export const Userid = Type.String({
  minLength: 1, maxLength: USERID_LENGTH_MAX, description: 'The name that you know the tenant by; unique among your tenants. No control characters'
})

export const Kind = Type.Unsafe<'call' | 'manage'>({
  type: 'string', enum: ['call', 'manage'], description: 'call: makes tokens for calls. manage: for management as well'
})

export const Kid = Type.String({ maxLength: 100, description: 'Key id, as it stands in the header of a token: <uuid>.<id>' })

export const Name = Type.String({ maxLength: ENTRY_NAME_LENGTH_MAX, description: 'Name of an environment entry: letters, digits and "_", that begin with no digit' })

export const Value = Type.String({ description: `At most ${ENTRY_BYTES_MAX} bytes of UTF-8` })

export const NewKey = Type.Object({
  kid: Kid,
  kind: Kind,
  secret: Type.String({ description: 'The key: 32 random bytes as base64url. Shown this once' })
})

const limits = limitsSchema.properties
const descriptions: Readonly<Record<keyof typeof limits, string>> = {
  turnMs: 'Milliseconds that the code of a module may run between two waits',
  timeoutSecs: "Seconds until the answer's headers must be sent",
  memoryMb: "Megabytes of a module's isolate",
  concurrency: 'Calls at once',
  waiting: 'Calls that wait for one of those to end',
  requestBytes: "Bytes of a request's body",
  responseBytes: "Bytes of an answer's body",
  logBytes: 'Bytes of log that a turn may write',
  moduleBytes: "Bytes of a module's script"
}

/** Without the defaults: what is not given is not one's own. */
export const OwnLimits = Type.Partial(Type.Object(Object.fromEntries(Object.entries(limits).map(([name, { default: _, ...schema }]) =>
  [name, { ...schema, description: descriptions[name as keyof typeof limits] }])) as typeof limits))

const nullable = <T>(type: string, description: string) => Type.Unsafe<T | null>({ type: [type, 'null'], description })

/** A tenant as it is shown. Whatever else an object has does not pass. */
export const Tenant = Type.Object({
  uuid: Uuid,
  userid: nullable<string>('string', 'The name that you gave it; null for a tenant of the configuration'),
  enabled: Type.Boolean(),
  createdAt: nullable<string>('string', 'ISO 8601; null for a tenant of the configuration that nothing was changed of'),
  plan: nullable<string>('string', 'The plan whose limits it has'),
  limits: Type.Required(OwnLimits, { description: 'What counts' }),
  ownLimits: OwnLimits,
  isolation: Type.String({ description: 'shared, dedicated or hardened' }),
  registered: Type.Boolean({ description: 'It was added by register' }),
  configured: Type.Boolean({ description: 'It is named by the configuration, and cannot be removed here' })
})

/** A UUID as it is kept; any case may be sent. */
export function readUuid (text: string, name = 'uuid'): string {
  return canonicalUuid(text) ?? fail(400, `${name}: expected a UUID, 32 hexadecimal digits in groups of 8-4-4-4-12; found ${show(text.slice(0, 100))}`)
}
