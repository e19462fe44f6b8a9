import type { JsonSchema } from '../../types/endpoint.ts'
import { follow } from './pointer.ts'

/** What this room reads of a schema. */
interface Schema {
  $id?: string
  $ref?: string
  type?: unknown
  properties?: Record<string, Schema>
  patternProperties?: Record<string, Schema>
  additionalProperties?: Schema | boolean
  allOf?: Schema[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  then?: Schema
  else?: Schema
  definitions?: Record<string, Schema>
  $defs?: Record<string, Schema>
}

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

/** The schema itself and all that may stand for it, each once: references may lead in circles. */
function alternatives (schema: Schema | boolean | undefined, root: Schema, found = new Set<Schema>()): Schema[] {
  if (typeof schema !== 'object' || found.has(schema)) return []
  found.add(schema)
  const { $ref, allOf = [], anyOf = [], oneOf = [], then: thenSchema, else: elseSchema } = schema
  const others = [$ref === undefined ? undefined : target($ref, root), ...allOf, ...anyOf, ...oneOf, thenSchema, elseSchema]
  for (const other of others) alternatives(other, root, found)
  return [...found]
}

/** `#/definitions/x`, or the `$id` of the schema or of one of its definitions. */
function target (reference: string, root: Schema): Schema | undefined {
  return reference.startsWith('#')
    ? follow(root, reference) as Schema | undefined
    : [root, ...Object.values({ ...root.definitions, ...root.$defs })].find(({ $id }) => $id === reference)
}
