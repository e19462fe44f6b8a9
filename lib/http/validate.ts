import AjvCompiler from '@fastify/ajv-compiler'
import fastJson from 'fast-json-stringify'
import type { JsonSchema } from '../../types/endpoint.ts'
import type { ModuleVersion } from '../catalog/module.ts'
import type { Endpoint } from '../describe/describe.ts'
import { checkOnly, withoutClosedObjects } from '../describe/results.ts'
import { platformError } from '../errors.ts'

interface Validator {
  (value: unknown): boolean
  errors?: Array<{ instancePath: string, message?: string }> | null
}

type Compile = (route: { schema: unknown }) => Validator

/** What an endpoint's schemas became, on its first call. */
interface Compiled {
  args?: Validator
  returns?: Serialise
}

/** Text of a value that fits `returns`; throws `FMS_ERR_RETURNS` for one that does not. */
export type Serialise = (value: unknown) => string

const compiled = new WeakMap<Endpoint, Compiled>()
const compilers = new WeakMap<ModuleVersion, { args?: Compile, returns?: Compile }>()

/**
 * Coerces and checks arguments in place, with Fastify's dialect and settings.
 *
 * @throws a 400 in the shape of Fastify's own validation errors
 */
export function validateArguments (args: Record<string, unknown>, endpoint: Endpoint, module: ModuleVersion): void {
  if (endpoint.args === undefined) return
  const parts = partsOf(endpoint)
  const validator = parts.args ??= compile(endpoint.args, module, 'args', {})
  try {
    if (validator(args)) return
  } catch (error) {
    // A recursive schema follows a payload as deep as it goes.
    if (error instanceof RangeError) throw invalid([{ instancePath: '', message: 'must not be nested so deep' }])
    throw error
  }
  throw invalid(validator.errors ?? [])
}

function invalid (errors: NonNullable<Validator['errors']>): Error {
  const text = errors.map(({ instancePath, message }) => `args${instancePath} ${message}`).join(', ')
  return Object.assign(new Error(text), { statusCode: 400, code: 'FST_ERR_VALIDATION', validation: errors, validationContext: 'args' })
}

/** The serialiser of an endpoint's results, or undefined where it declares no `returns`. */
export function serialiserOf (endpoint: Endpoint, module: ModuleVersion): Serialise | undefined {
  if (endpoint.returns === undefined) return undefined
  const parts = partsOf(endpoint)
  parts.returns ??= makeSerialiser(endpoint.returns, module)
  return parts.returns
}

function makeSerialiser (schema: JsonSchema, module: ModuleVersion): Serialise {
  // First as it is written, which tells the branches of a union apart; then with undeclared properties let through.
  const written = makeAttempt(schema, module)
  const open = makeAttempt(withoutClosedObjects(schema) as object, module)
  return value => {
    if (written.fits(value)) return written.stringify(value)
    if (open.fits(value)) return open.stringify(value)
    // A Date is a string to whoever reads the JSON, so what counts is the JSON.
    const json = JSON.stringify(value)
    const plain: unknown = json === undefined ? undefined : JSON.parse(json)
    if (written.fits(plain)) return written.stringify(plain)
    return open.fits(plain) ? open.stringify(plain) : misfit(open.fits.errors ?? [])
  }
}

function makeAttempt (schema: object, module: ModuleVersion): { fits: Validator, stringify: Serialise } {
  return { fits: compile(schema, module, 'returns', checkOnly), stringify: fastJson(schema) }
}

function misfit (errors: NonNullable<Validator['errors']>): never {
  throw platformError('FMS_ERR_RETURNS', errors.map(({ instancePath, message }) => `returns${instancePath} ${message}`).join(', '))
}

function partsOf (endpoint: Endpoint): Compiled {
  let parts = compiled.get(endpoint)
  if (parts === undefined) compiled.set(endpoint, parts = {})
  return parts
}

/**
 * One compiler per version of a module: a compiler keeps all that it compiled, so a shared one would keep every version
 * that there ever was. A schema with ids or references has its own: ids may not repeat within a compiler, and other
 * endpoints' may.
 */
function compile (schema: object, module: ModuleVersion, use: 'args' | 'returns', customOptions: object): Validator {
  const make = (more?: object): Compile => AjvCompiler()({}, { customOptions: { ...customOptions, ...more } }) as unknown as Compile
  if (/"\$(id|ref)"/.test(JSON.stringify(schema))) return make({ addUsedSchema: true })({ schema })
  let own = compilers.get(module)
  if (own === undefined) compilers.set(module, own = {})
  return (own[use] ??= make())({ schema })
}
