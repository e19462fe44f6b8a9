import { Type } from '@sinclair/typebox'

const schema = Type.Object({}, { additionalProperties: true, description: 'a JSON Schema' })

const common = {
  /** Methods: one, several in one string separated by `|`, or an array. Any case. Default GET. */
  method: Type.Optional(Type.Union([Type.String(), Type.Unsafe<readonly string[]>(Type.Array(Type.String(), { minItems: 1 }))])),
  /** Public name. Default: the export's name. */
  api: Type.Optional(Type.String({ pattern: '^(?!__)[-A-Za-z0-9_]+$' })),
  summary: Type.Optional(Type.String()),
  description: Type.Optional(Type.String()),
  tags: Type.Optional(Type.Unsafe<readonly string[]>(Type.Array(Type.String()))),
  deprecated: Type.Optional(Type.Boolean()),
  /** Names of this endpoint's slugs, in order, instead of `URL_PARMn`; slugs then hold any text. */
  params: Type.Optional(Type.Unsafe<readonly string[]>(Type.Array(Type.String(), { uniqueItems: true }))),
  args: Type.Optional(schema),
  returns: Type.Optional(schema),
  /** Seconds until the answer's headers must be sent, else a 504. Default: none for trusted functions. */
  timeoutSecs: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 86_400 })),
  /** The Fastify route's `config`, so that other plugins see it. */
  config: Type.Optional(Type.Record(Type.String(), Type.Unknown()))
}

export const descriptorSchema = Type.Object(common, { additionalProperties: false })

export const commandSchema = Type.Object({
  ...common,
  /** The program and its arguments. No shell reads them. */
  run: Type.Unsafe<readonly string[]>(Type.Array(Type.String(), { minItems: 1 })),
  /** Working directory, from the module's own folder. Default: that folder. */
  cwd: Type.Optional(Type.String()),
  /** The program's environment, beside PATH. */
  env: Type.Optional(Type.Record(Type.String(), Type.String()))
}, { additionalProperties: false })
