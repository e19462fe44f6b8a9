import AjvCompiler from '@fastify/ajv-compiler'
import fastJson from 'fast-json-stringify'
import { checkOnly, withoutClosedObjects } from '../../../describe/results.ts'
import type { CheckJob } from '../protocol.ts'

type Compile = (route: { schema: unknown }) => unknown

/**
 * Writes the script that makes a module's checks; see child/prelude/parts/checks.ts, which runs it.
 *
 * @param text JSON: `CheckJob['schemas']`
 */
export function tool (text: string): string {
  const entries = (JSON.parse(text) as CheckJob['schemas']).map(schemas => `${JSON.stringify(schemas.function)}: ${writeOne(schemas)}`)
  return `(require => require('checks').makeChecks({ __proto__: null, ${entries.join(',\n')} }))`
}

function writeOne ({ args, returns }: CheckJob['schemas'][number]): string {
  try {
    return `{ ${[...writeArguments(args), ...writeResults(returns)].join(', ')} }`
  } catch (error) {
    return `{ failed: ${JSON.stringify(`its schemas cannot be compiled: ${(error as Error).message}`)} }`
  }
}

function writeArguments (schema: unknown): string[] {
  if (schema === undefined) return []
  const json = JSON.stringify(schema)
  const arrays = json.includes('"array"') ? [`schema: ${JSON.stringify(json)}`] : []
  return [`args: ${script(writeValidator(schema, {}))}`, ...arrays]
}

function writeResults (schema: unknown): string[] {
  if (schema === undefined) return []
  const written = `written: ${writeAttempt(schema)}`
  const open = withoutClosedObjects(schema)
  return JSON.stringify(open) === JSON.stringify(schema) ? [written] : [written, `open: ${writeAttempt(open)}`]
}

function writeAttempt (schema: unknown): string {
  const serialiser = fastJson(schema as object, { mode: 'standalone', inlineValidators: true } as never) as unknown as string
  return `{ fits: ${script(writeValidator(schema, checkOnly))}, stringify: ${script(serialiser)} }`
}

/** Ajv's own source of the function that it would have compiled. */
function writeValidator (schema: unknown, options: object): string {
  // Ids may not repeat within a compiler, and other endpoints' may.
  if (/"\$(id|ref)"/.test(JSON.stringify(schema))) return makeWriter({ ...options, addUsedSchema: true })(schema)
  return (options === checkOnly ? writeCheck : writeCoercion)(schema)
}

/** With Fastify's own settings but for the check of the schema, which was made when it was described. */
function makeWriter (options: object): (schema: unknown) => string {
  let text = ''
  const compiler = AjvCompiler.StandaloneValidator({ readMode: false, storeFunction: (_, code) => { text = code } })
  const compile = compiler({}, { customOptions: { ...options, validateSchema: false, logger: false } }) as unknown as Compile
  return schema => {
    compile({ schema })
    return text
  }
}

function script (code: string): string {
  return `(module, require) => {${code}\n}`
}

const writeCoercion = makeWriter({})
const writeCheck = makeWriter(checkOnly)

// What has run before a snapshot is made of this script need not run again.
tool(JSON.stringify([{ function: 'a', args: { type: 'object', properties: { a: { type: 'string' } } }, returns: { type: 'object', properties: { a: { type: 'string' } } } }]))
