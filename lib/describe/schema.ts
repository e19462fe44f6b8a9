import AjvCompiler from '@fastify/ajv-compiler'
import { follow } from './pointer.ts'

/** What this room needs of Ajv. It comes from Fastify's own compiler, so that the dialect is Fastify's. */
interface SchemaChecker {
  validateSchema (schema: object): unknown
  errorsText (errors: unknown, options: { dataVar: string }): string
  RULES: { keywords: Record<string, unknown> }
  formats: Record<string, unknown>
  errors: unknown
}

type Compile = (route: { schema: unknown }) => unknown

let checker: SchemaChecker | undefined

/** Shared by all modules: it checks schemas but compiles none, so it keeps nothing of what it has seen. */
function getChecker (): SchemaChecker {
  if (checker === undefined) {
    AjvCompiler()({}, { customOptions: { logger: false }, onCreate: (ajv: unknown) => { checker = ajv as SchemaChecker } })
  }
  return checker as SchemaChecker
}

/** Keywords that hold schemas; all others hold data, where `$ref` and the like are plain names. */
const schemaMaps = ['properties', 'patternProperties', 'definitions', '$defs', 'dependentSchemas', 'dependencies']
const schemaLists = ['allOf', 'anyOf', 'oneOf', 'items']
const schemas = ['items', 'additionalItems', 'contains', 'additionalProperties', 'propertyNames', 'not', 'if', 'then', 'else']

/** With these alone, a schema that is right by the meta-schema compiles. */
const plainKeywords: ReadonlySet<string> = new Set([
  'type', 'properties', 'required', 'enum', 'const', 'default', 'format', 'pattern', 'items', 'additionalProperties', 'minimum', 'maximum',
  'minLength', 'maxLength', 'minItems', 'maxItems', 'uniqueItems', 'title', 'description', 'examples', 'deprecated'
])

/**
 * What is wrong with an endpoint's schema, or undefined.
 *
 * Compiling would tell as well, but at some milliseconds a schema: but for the unusual ones, it waits for an endpoint's
 * first call.
 */
export function schemaProblem (schema: unknown, field: 'args' | 'returns'): string | undefined {
  const ajv = getChecker()
  try {
    JSON.stringify(schema)
    if (!ajv.validateSchema(schema as object)) return `expected a JSON Schema (draft 7); ${ajv.errorsText(ajv.errors, { dataVar: field })}`
  } catch (error) {
    return `expected a JSON Schema (draft 7) of plain data; ${(error as Error).message.split('\n')[0]}`
  }
  const { type } = schema as { type?: unknown }
  if (field === 'args' && type !== undefined && type !== 'object') {
    return `expected the schema of an object, since arguments have names; found type ${JSON.stringify(type)}`
  }
  const ids = new Set<string>()
  walk(schema, '', ({ $id }) => { if (typeof $id === 'string') ids.add($id.replace(/#$/, '')) })
  let isPlain = true
  const problem = walk(schema, '', (sub, path) => {
    isPlain &&= Object.keys(sub).every(keyword => plainKeywords.has(keyword))
    return subschemaProblem(sub, `${field}${path}`, schema, ids, ajv)
  })
  return problem ?? (isPlain ? undefined : compileProblem(schema))
}

/** With a compiler for this once: it keeps what it compiled. */
function compileProblem (schema: unknown): string | undefined {
  const compile = AjvCompiler()({}, { customOptions: { logger: false, addUsedSchema: true } }) as unknown as Compile
  try {
    compile({ schema })
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

function subschemaProblem (schema: Subschema, path: string, root: unknown, ids: ReadonlySet<string>, ajv: SchemaChecker): string | undefined {
  const unknown = Object.keys(schema).find(keyword => !ajv.RULES.keywords[keyword])
  if (unknown !== undefined) return `expected keywords of JSON Schema draft 7; found ${JSON.stringify(unknown)} at ${path}`
  const { format, pattern, $ref } = schema
  const regexpProblem = typeof pattern === 'string' ? patternProblem(pattern) : undefined
  if (regexpProblem !== undefined) return `expected a regular expression at ${path}/pattern; ${regexpProblem}`
  if (typeof format === 'string' && ajv.formats[format] === undefined) {
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
