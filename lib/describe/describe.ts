import { resolve } from 'node:path'
import type { TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { Problem } from '../../types/directory.ts'
import type { JsonSchema, Method } from '../../types/endpoint.ts'
import { tagOf, type Tag } from '../endpoint.ts'
import { show } from '../errors.ts'
import { isArgumentName, namePattern } from '../names.ts'
import { commandSchema, descriptorSchema } from './descriptor.ts'
import { schemaProblem } from './schema.ts'

/** How an endpoint runs: as a function of its module, or as a program of its own. */
export type Runner =
  | { readonly kind: 'function', readonly call: (args: unknown, context: unknown) => unknown }
  | { readonly kind: 'command', readonly run: readonly string[], readonly cwd: string, readonly env: Readonly<Record<string, string>> }

/** One endpoint with its descriptor checked and put in one form. */
export interface Endpoint {
  readonly api: string
  /** Name of the export. */
  readonly function: string
  readonly methods: readonly Method[]
  readonly params: readonly string[] | undefined
  readonly args: JsonSchema | undefined
  readonly returns: JsonSchema | undefined
  readonly timeoutSecs: number | undefined
  readonly documentation: { readonly summary?: string, readonly description?: string, readonly tags?: readonly string[], readonly deprecated?: boolean }
  readonly config: Readonly<Record<string, unknown>>
  /** Equal for equal `config`s; empty for none. */
  readonly configKey: string
  readonly runner: Runner
}

export interface Description {
  readonly endpoints: readonly Endpoint[]
  /** Exported functions that are no endpoints: listed, never called. */
  readonly functions: readonly string[]
  readonly problems: ReadonlyArray<Omit<Problem, 'owner'>>
}

const methods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'DELETE', 'PATCH'])

/** Reads what a module exports. A wrong descriptor refuses its endpoint alone; `folder` is where its commands run. */
export function describe (exports: Readonly<Record<string, unknown>>, file: string, folder: string): Description {
  const endpoints: Endpoint[] = []
  const functions: string[] = []
  const problems: Array<Omit<Problem, 'owner'>> = []
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
    const found = checkDescriptor(tag, refused) && toEndpoint(name, tag, folder, refused)
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

type Refuse = (field: string, message: string) => void
type Given = { [field: string]: unknown } & { run?: readonly string[], cwd?: string, env?: Record<string, string> }

function checkDescriptor (tag: Tag, refused: Refuse): boolean {
  const schema: TSchema = tag.kind === 'command' ? commandSchema : descriptorSchema
  const seen = new Set<string>()
  for (const { path, message, value } of Value.Errors(schema, tag.descriptor)) {
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

function toEndpoint (name: string, tag: Tag, folder: string, refused: Refuse): Endpoint {
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
    runner: tag.kind === 'command'
      ? { kind: 'command', run: given.run ?? [], cwd: resolve(folder, given.cwd ?? '.'), env: given.env ?? {} }
      : { kind: 'function', call: tag.handler as () => unknown }
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
