import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { Method } from '../../../types/endpoint.ts'
import type { Description, Endpoint } from '../../describe/description.ts'
import { argumentNamePattern, isArgumentName, namePattern } from '../../names.ts'

/** What a tenant's module says of itself. */
export interface GuestDescription extends Description {
  readonly alias: string | undefined
  /** Its `__ID__`. */
  readonly identity: string | undefined
}

/** Bytes of its JSON: some hundred endpoints with large schemas. It is parsed in the app's process, at some ms a MB. */
export const DESCRIPTION_BYTES_MAX = 1024 * 1024

/** Levels of a schema: what reads it later may do so recursively. */
const DEPTH_MAX = 100

/** Beyond what anybody lists. */
const COUNT_MAX = 1_000
const NAME_LENGTH_MAX = 128
const TEXT_LENGTH_MAX = 10_000

const name = Type.String({ minLength: 1, maxLength: NAME_LENGTH_MAX, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]+$' })
const text = Type.String({ maxLength: TEXT_LENGTH_MAX })
const list = <T extends TSchema>(item: T) => Type.Array(item, { maxItems: COUNT_MAX })
const schema = Type.Record(Type.String(), Type.Unknown())

const endpointSchema = Type.Object({
  api: Type.String({ maxLength: NAME_LENGTH_MAX, pattern: `^(?!__)${namePattern.source.slice(1)}` }),
  function: name,
  methods: Type.Array(Type.Union(['GET', 'PUT', 'POST', 'DELETE', 'PATCH'].map(method => Type.Literal(method as Method))), { minItems: 1, uniqueItems: true }),
  params: Type.Optional(list(Type.String({ maxLength: NAME_LENGTH_MAX, pattern: argumentNamePattern.source }))),
  args: Type.Optional(schema),
  returns: Type.Optional(schema),
  timeoutSecs: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 86_400 })),
  documentation: Type.Object({
    summary: Type.Optional(text), description: Type.Optional(text), tags: Type.Optional(list(text)), deprecated: Type.Optional(Type.Boolean())
  })
})

const descriptionSchema = Type.Object({
  alias: Type.Optional(text),
  aliasProblem: Type.Optional(text),
  identity: Type.Optional(text),
  endpoints: list(endpointSchema),
  functions: list(name),
  problems: list(Type.Object({
    code: Type.Union([Type.Literal('FMS_ERR_DESCRIPTOR'), Type.Literal('FMS_ERR_MODULE')]),
    endpoint: Type.Optional(name),
    field: Type.Optional(text),
    message: text
  }))
})

const thrownSchema = Type.Object({ thrown: Type.Object({ message: Type.String(), stack: Type.Optional(Type.String()) }) })

export type Thrown = Static<typeof thrownSchema>['thrown']

/**
 * Reads what a describing isolate wrote. It is of a tenant's making, so all of it is checked.
 *
 * @throws an error that says what is wrong
 */
export function readDescription (json: string, file: string): GuestDescription | { readonly thrown: Thrown } | { readonly refused: string } {
  if (json.length > DESCRIPTION_BYTES_MAX) throw new Error(`its descriptors are too large: expected at most ${DESCRIPTION_BYTES_MAX} characters; found ${json.length}`)
  const found = JSON.parse(json) as unknown
  if (Value.Check(thrownSchema, found)) return { thrown: { message: plain(found.thrown.message), stack: found.thrown.stack?.slice(0, TEXT_LENGTH_MAX) ?? '' } }
  if (!Value.Check(descriptionSchema, found)) throw new Error(whyNot(found))
  if (found.aliasProblem !== undefined) return { refused: plain(found.aliasProblem) }
  const taken = new Set<string>()
  const endpoints = found.endpoints.map(one => toEndpoint(one, taken))
  return {
    alias: found.alias,
    identity: found.identity,
    endpoints,
    functions: found.functions,
    problems: found.problems.map(({ message, ...rest }) => ({ ...rest, file, message: plain(message) }))
  }
}

function toEndpoint (found: Static<typeof endpointSchema>, taken: Set<string>): Endpoint {
  for (const key of found.methods.map(method => `${method} ${found.api}`)) {
    if (taken.has(key)) throw new Error(`its description has ${key} twice`)
    taken.add(key)
  }
  if (found.params?.every(isArgumentName) === false) throw new Error(`its description has params that are no names, of ${found.function}`)
  if (isDeeper(found.args, DEPTH_MAX) || isDeeper(found.returns, DEPTH_MAX)) {
    throw new Error(`${found.function}: expected schemas at most ${DEPTH_MAX} levels deep`)
  }
  const { summary, description, tags, deprecated } = found.documentation
  return {
    api: found.api,
    function: found.function,
    methods: found.methods,
    params: found.params,
    args: found.args,
    returns: found.returns,
    timeoutSecs: found.timeoutSecs,
    documentation: {
      ...(summary !== undefined && { summary: plain(summary) }),
      ...(description !== undefined && { description: plain(description) }),
      ...(tags !== undefined && { tags: tags.map(plain) }),
      ...(deprecated !== undefined && { deprecated })
    },
    config: {},
    configKey: '',
    runner: { kind: 'guest' }
  }
}

/** Stops at the limit, so that it needs no more of a stack than that. */
function isDeeper (value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some(item => isDeeper(item, levels - 1))
}

/** Without what moves a terminal's cursor; line breaks may stay. */
export function plain (text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, '').slice(0, TEXT_LENGTH_MAX)
}

function whyNot (found: unknown): string {
  const first = Value.Errors(descriptionSchema, found).First()
  return `its description is unusable: ${first?.path ?? ''} ${first?.message ?? 'is not what was expected'}`
}
