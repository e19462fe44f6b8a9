import type { TSchema } from '@sinclair/typebox'
import { Errors } from '@sinclair/typebox/errors'
import type { JsonSchema, Method } from '../../types/endpoint.ts'
import { tagOf, type Tag } from '../endpoint.ts'
import { isArgumentName, namePattern } from '../names.ts'
import { commandSchema, descriptorSchema } from './descriptor.ts'
import type { Description, Endpoint, Runner } from './description.ts'
import { schemaProblem } from './schema.ts'
import { show } from '../show.ts'

export type Refuse = (field: string, message: string) => void
export type Given = { [field: string]: unknown } & { run?: readonly string[], cwd?: string, env?: Record<string, string> }

/** Makes the runner of a descriptor that is right; may refuse it, where its kind does not belong. */
export type MakeRunner = (tag: Tag, given: Given, refused: Refuse) => Runner

const methods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'DELETE', 'PATCH'])

/** Reads what a module exports. A wrong descriptor refuses its endpoint alone. Free of Node: it also runs in isolates. */
export function readExports (exports: Readonly<Record<string, unknown>>, file: string, makeRunner: MakeRunner): Description {
  const endpoints: Endpoint[] = []
  const functions: string[] = []
  const problems: Array<Description['problems'][number]> = []
  const taken = new Map<string, string>()

  for (const name of Object.keys(exports).sort()) {
    const value = exports[name]
    if (name.startsWith('__') || typeof value !== 'function') continue
    const tag = tagOf(value)
    if (tag === undefined) {
      if (!isClass(value)) functions.push(name)
      continue
    }
    const refused = (field: string, message: string): void => {
      problems.push({ code: 'FMS_ERR_DESCRIPTOR', file, endpoint: name, field, message: `${name}: ${field}: ${message}` })
    }
    const before = problems.length
    const found = checkDescriptor(tag, refused) && toEndpoint(name, tag, makeRunner, refused)
    if (!found || problems.length > before) continue

    const twice = found.methods.map(method => `${method} ${found.api}`).find(key => taken.has(key))
    if (twice !== undefined) {
      refused('api', `expected each api and method once in a module; found ${twice}, which is ${taken.get(twice)}'s`)
      continue
    }
    for (const method of found.methods) taken.set(`${method} ${found.api}`, name)
    endpoints.push(found)
  }
  return { endpoints, functions, problems }
}

function checkDescriptor (tag: Tag, refused: Refuse): boolean {
  const schema: TSchema = tag.kind === 'command' ? commandSchema : descriptorSchema
  const seen = new Set<string>()
  for (const { path, message, value } of Errors(schema, [], tag.descriptor)) {
    const field = path.split('/')[1] ?? 'descriptor'
    if (seen.has(field)) continue
    seen.add(field)
    const unknown = field !== 'descriptor' && !(field in (schema.properties as object))
    refused(field, unknown
      ? `unknown field; expected one of ${Object.keys(schema.properties as object).join(', ')}`
      : `${message.charAt(0).toLowerCase()}${message.slice(1)}; found ${show(value)}`)
  }
  return seen.size === 0
}

function toEndpoint (name: string, tag: Tag, makeRunner: MakeRunner, refused: Refuse): Endpoint {
  const given = tag.descriptor as Given
  const api = (given['api'] as string | undefined) ?? name
  if (!namePattern.test(api)) refused('api', `expected letters, digits, "-" and "_"; found ${show(api)}, the export's name: give it an api`)
  const params = given['params'] as string[] | undefined
  for (const param of params ?? []) {
    if (!isArgumentName(param)) refused('params', `expected names of letters, digits and "_" that begin with no digit; found ${show(param)}`)
  }
  if (tag.kind === 'function' && typeof tag.handler !== 'function') refused('handler', `expected a function after the descriptor; found ${show(tag.handler)}`)
  if (given.run?.[0] === '') refused('run', 'expected a program first; found ""')
  for (const field of ['args', 'returns'] as const) {
    const problem = given[field] !== undefined && schemaProblem(given[field], field)
    if (problem) refused(field, problem)
  }
  const config = (given['config'] ?? {}) as Record<string, unknown>
  return {
    api,
    function: name,
    methods: readMethods(given['method'] as string | string[] | undefined, refused),
    params,
    args: given['args'] as JsonSchema | undefined,
    returns: given['returns'] as JsonSchema | undefined,
    timeoutSecs: given['timeoutSecs'] as number | undefined,
    documentation: Object.fromEntries(['summary', 'description', 'tags', 'deprecated']
      .filter(field => given[field] !== undefined).map(field => [field, given[field]])),
    config,
    configKey: keyOf(config),
    runner: makeRunner(tag, given, refused)
  }
}

function readMethods (given: string | readonly string[] = 'GET', refused: Refuse): Method[] {
  const names = [given].flat().flatMap(text => text.split('|')).map(text => text.trim().toUpperCase())
  for (const name of names) {
    if (!methods.has(name)) refused('method', `expected GET, POST, PUT, DELETE or PATCH (HEAD follows GET by itself); found ${show(name)}`)
  }
  return [...new Set(names)] as Method[]
}

function keyOf (config: Readonly<Record<string, unknown>>): string {
  return Object.keys(config).length === 0
    ? ''
    : JSON.stringify(config, (_, value: unknown) => typeof value === 'function' || typeof value === 'bigint' ? String(value) : value)
}

function isClass (value: unknown): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value))
}
