import { getDialect, type Dialect } from './dialect.ts'
import { follow } from './pointer.ts'

/** Keywords that hold schemas; all others hold data, where `$ref` and the like are plain names. */
const schemaMaps = ['properties', 'patternProperties', 'definitions', '$defs', 'dependentSchemas', 'dependencies']
const schemaLists = ['allOf', 'anyOf', 'oneOf', 'items']
const schemas = ['items', 'additionalItems', 'contains', 'additionalProperties', 'propertyNames', 'not', 'if', 'then', 'else']

/** With these alone, a schema that is right by the meta-schema compiles, but for what `isPlain` tells. */
const plainKeywords: ReadonlySet<string> = new Set([
  'type', 'properties', 'required', 'enum', 'const', 'default', 'format', 'pattern', 'items', 'additionalProperties', 'minimum', 'maximum',
  'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength', 'minItems', 'maxItems', 'uniqueItems', 'minProperties',
  'maxProperties', 'patternProperties', 'title', 'description', 'examples', 'deprecated', 'readOnly', 'writeOnly', '$comment'
])

/** So do these, as long as nothing within them has a default. */
const compositeKeywords: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'allOf', 'not'])

/**
 * What is wrong with an endpoint's schema, or undefined.
 *
 * Compiling would tell as well, but at some milliseconds a schema: but for the unusual ones, it waits for an endpoint's
 * first call.
 */
export function schemaProblem (schema: unknown, field: 'args' | 'returns'): string | undefined {
  const dialect = getDialect()
  try {
    JSON.stringify(schema)
    const misfit = dialect.misfit(schema as object, field)
    if (misfit !== undefined) return `expected a JSON Schema (draft 7); ${misfit}`
  } catch (error) {
    return `expected a JSON Schema (draft 7) of plain data; ${(error as Error).message.split('\n')[0]}`
  }
  const { type } = schema as { type?: unknown }
  if (field === 'args' && type !== undefined && type !== 'object') {
    return `expected the schema of an object, since arguments have names; found type ${JSON.stringify(type)}`
  }
  const ids = new Set<string>()
  walk(schema, '', ({ $id }) => { if (typeof $id === 'string') ids.add($id.replace(/#$/, '')) })
  const all: Subschema[] = []
  const problem = walk(schema, '', (sub, path) => {
    all.push(sub)
    return subschemaProblem(sub, `${field}${path}`, schema, ids, dialect)
  })
  return problem ?? (isPlain(all) ? undefined : compileProblem(schema, dialect))
}

/** Whether all that Ajv's strict mode may say of these schemas, the root first, has been said. */
function isPlain (all: readonly Subschema[]): boolean {
  const composite = all.some(sub => Object.keys(sub).some(keyword => compositeKeywords.has(keyword)))
  if (composite ? all.some(sub => 'default' in sub) : 'default' in all[0]!) return false
  return all.every(sub => Object.keys(sub).every(keyword => plainKeywords.has(keyword) || compositeKeywords.has(keyword)) &&
    (sub['enum'] as unknown[] | undefined)?.length !== 0 && !('patternProperties' in sub && 'properties' in sub))
}

function compileProblem (schema: unknown, dialect: Dialect): string | undefined {
  try {
    dialect.compile(schema)
    return undefined
  } catch (error) {
    return `expected a JSON Schema that Fastify can compile; ${(error as Error).message}`
  }
}

type Subschema = Readonly<Record<string, unknown>>

/** Calls `visit` on a schema and all within, until it finds something. */
function walk (schema: unknown, path: string, visit: (schema: Subschema, path: string) => string | void): string | undefined {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return undefined
  const sub = schema as Subschema
  const found = visit(sub, path)
  if (found) return found
  const inner = [
    ...schemas.map(keyword => [keyword, sub[keyword]] as const),
    ...schemaLists.flatMap(keyword => Array.isArray(sub[keyword]) ? sub[keyword].map((item, i) => [`${keyword}/${i}`, item] as const) : []),
    ...schemaMaps.flatMap(keyword => Object.entries(sub[keyword] ?? {}).map(([name, item]) => [`${keyword}/${name}`, item] as const))
  ]
  for (const [step, item] of inner) {
    const problem = walk(item, `${path}/${step}`, visit)
    if (problem) return problem
  }
  return undefined
}

function subschemaProblem (schema: Subschema, path: string, root: unknown, ids: ReadonlySet<string>, dialect: Dialect): string | undefined {
  const unknown = Object.keys(schema).find(keyword => !dialect.keywords.has(keyword))
  if (unknown !== undefined) return `expected keywords of JSON Schema draft 7; found ${JSON.stringify(unknown)} at ${path}`
  const { format, pattern, $ref } = schema
  const regexpProblem = typeof pattern === 'string' ? patternProblem(pattern) : undefined
  if (regexpProblem !== undefined) return `expected a regular expression at ${path}/pattern; ${regexpProblem}`
  if (typeof format === 'string' && !dialect.formats.has(format)) {
    return `expected a format that Fastify knows (email, date-time, uuid, …); found ${JSON.stringify(format)} at ${path}`
  }
  if (typeof $ref === 'string' && !isLocal($ref, root, ids)) {
    return `expected a $ref to something in this schema; found ${JSON.stringify($ref)} at ${path}: remote references are not followed`
  }
  return undefined
}

function patternProblem (pattern: string): string | undefined {
  try {
    return RegExp(pattern, 'u') && undefined
  } catch (error) {
    return (error as Error).message
  }
}

function isLocal (reference: string, root: unknown, ids: ReadonlySet<string>): boolean {
  const [id = '', fragment = ''] = reference.split('#')
  if (id !== '') return ids.has(id)
  if (fragment === '' || ids.has(`#${fragment}`)) return true
  return fragment.startsWith('/') && follow(root, fragment) !== undefined
}
