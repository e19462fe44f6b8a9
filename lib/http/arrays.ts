import type { JsonSchema } from '../../types/endpoint.ts'

/** What this room reads of a schema. */
interface Schema {
  $ref?: string
  type?: unknown
  properties?: Record<string, Schema>
  patternProperties?: Record<string, Schema>
  additionalProperties?: Schema | boolean
  allOf?: Schema[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  if?: Schema
  then?: Schema
  else?: Schema
}

/** References may lead in circles; no schema that anyone reads is deeper. */
const DEPTH_MAX = 16

/** Whether the schema of an object takes an array under a name: only then do all values of a repeated query key count. */
export function takesArray (schema: JsonSchema, name: string): boolean {
  const root = schema as Schema
  return alternatives(root, root).flatMap(part => valuesUnder(part, name)).flatMap(part => alternatives(part, root))
    .some(({ type }) => [type].flat().includes('array'))
}

function valuesUnder ({ properties, patternProperties, additionalProperties }: Schema, name: string): Schema[] {
  const own = properties !== undefined && Object.hasOwn(properties, name) ? [properties[name] as Schema] : []
  const matching = Object.entries(patternProperties ?? {}).filter(([pattern]) => new RegExp(pattern, 'u').test(name)).map(([, schema]) => schema)
  const found = [...own, ...matching]
  return found.length === 0 && typeof additionalProperties === 'object' ? [additionalProperties] : found
}

/** The schema itself and all that may stand for it. */
function alternatives (schema: Schema, root: Schema, depth = 0): Schema[] {
  if (typeof schema !== 'object' || depth === DEPTH_MAX) return []
  const { $ref, allOf = [], anyOf = [], oneOf = [], then: thenSchema, else: elseSchema } = schema
  const others = [$ref === undefined ? undefined : follow($ref, root), ...allOf, ...anyOf, ...oneOf, thenSchema, elseSchema]
  return [schema, ...others.flatMap(other => other === undefined ? [] : alternatives(other, root, depth + 1))]
}

/** `#/definitions/x`, or the `$id` of one of the definitions. */
function follow (reference: string, root: Schema): Schema | undefined {
  if (!reference.startsWith('#')) {
    const { definitions, $defs } = root as Record<string, Record<string, Schema & { $id?: string }> | undefined>
    return Object.values({ ...definitions, ...$defs }).find(({ $id }) => $id === reference)
  }
  const steps = reference.split('/').slice(1).map(step => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'))
  return steps.reduce<unknown>((found, step) => (found as Record<string, unknown> | undefined)?.[step], root) as Schema | undefined
}
