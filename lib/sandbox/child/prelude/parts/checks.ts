import { takesArray } from '../../../../describe/arrays.ts'

interface Validator {
  (value: unknown): boolean
  errors?: Array<{ instancePath: string, message?: string }> | null
}

type Serialise = (value: unknown) => string
type Module = { exports: unknown }

/** A CommonJS script that Ajv or fast-json-stringify wrote: run once, when it is first needed. */
type Script = (module: Module, require: (name: string) => unknown) => void

interface Attempt { readonly fits: Script, readonly stringify: Script }

/** What the scripts of an endpoint's checks come as: see builder/guest/checker.ts. */
interface Written {
  readonly args?: Script
  /** JSON of the schema of the arguments, where it says anything of arrays. */
  readonly schema?: string
  /** As `returns` is written; with undeclared properties let through, where that makes a difference. */
  readonly written?: Attempt
  readonly open?: Attempt
  /** Why there are no checks: the endpoint cannot be called. */
  readonly failed?: string
}

interface Checks { args?: Validator, returns?: Serialise, takesArray?: (name: string) => boolean }

/** The modules that those scripts require, by the names that they give them. Bundled, each is evaluated when it is first required. */
function required (name: string): unknown {
  switch (name) {
    case 'ajv/dist/runtime/equal': return require('ajv/dist/runtime/equal')
    case 'ajv/dist/runtime/ucs2length': return require('ajv/dist/runtime/ucs2length')
    case 'ajv/dist/runtime/validation_error': return require('ajv/dist/runtime/validation_error')
    case 'ajv-formats/dist/formats': return require('ajv-formats/dist/formats')
    case 'fast-json-stringify/lib/serializer': return require('fast-json-stringify/lib/serializer')
    default: throw new Error(`a check requires ${name}, which it should not`)
  }
}

/** The runtime of the checks of arguments and results, with the same outcome as those of trusted modules. */
export default (): Record<string, unknown> => ({ makeChecks })

function makeChecks (scripts: Readonly<Record<string, Written>>): Record<string, Checks> {
  const checks: Record<string, Checks> = { __proto__: null as never }
  for (const name of Object.keys(scripts)) {
    const written = scripts[name] as Written
    Object.defineProperty(checks, name, { configurable: true, enumerable: true, get: () => define(checks, name, checksOf(written)) })
  }
  return checks
}

function checksOf ({ args, schema, written, open, failed }: Written): Checks {
  if (failed !== undefined) return { args: () => { throw new Error(failed) } }
  const parsed = schema === undefined ? undefined : JSON.parse(schema) as object
  return {
    ...(args !== undefined && { args: guarded(run(args) as Validator) }),
    ...(written !== undefined && { returns: makeSerialiser(written, open) }),
    ...(parsed !== undefined && { takesArray: (name: string) => takesArray(parsed as never, name) })
  }
}

/** A recursive schema follows a payload as deep as it goes. */
function guarded (validator: Validator): Validator {
  const guard: Validator = value => {
    try {
      const fits = validator(value)
      guard.errors = validator.errors ?? null
      return fits
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      guard.errors = [{ instancePath: '', message: 'must not be nested so deep' }]
      return false
    }
  }
  return guard
}

/** As lib/http/validate.ts does it for trusted modules. */
function makeSerialiser (asWritten: Attempt, opened: Attempt = asWritten): Serialise {
  const written = makeAttempt(asWritten)
  const open = opened === asWritten ? written : makeAttempt(opened)
  return value => {
    if (written.fits(value)) return written.stringify(value)
    if (open !== written && open.fits(value)) return open.stringify(value)
    const json = JSON.stringify(value)
    const plain: unknown = json === undefined ? undefined : JSON.parse(json)
    if (written.fits(plain)) return written.stringify(plain)
    if (open.fits(plain)) return open.stringify(plain)
    const text = (open.fits.errors ?? []).map(({ instancePath, message }) => `returns${instancePath} ${message}`).join(', ')
    throw Object.assign(new Error(text), { validation: text })
  }
}

function makeAttempt ({ fits, stringify }: Attempt): { fits: Validator, stringify: Serialise } {
  return { fits: run(fits) as Validator, stringify: run(stringify) as Serialise }
}

function run (script: Script): unknown {
  const module: Module = { exports: {} }
  script(module, required)
  return module.exports
}

function define<T> (target: object, name: string, value: T): T {
  Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true })
  return value
}
