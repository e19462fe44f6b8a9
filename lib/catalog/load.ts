import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { compileFunction, constants } from 'node:vm'
import { withDeadline } from '../deadline.ts'
import { messageOf } from '../errors.ts'
import type { Bundle } from './bundle.ts'
import { Positions } from '../source/positions.ts'
import { ModuleError } from '../source/problem.ts'
import { IMPORTED } from './resolve.ts'

/** A module's script, after it has run. */
export interface Loaded {
  readonly exports: Readonly<Record<string, unknown>>
  /** The stack with positions in the script replaced by those in its sources. */
  mapStack (stack: string): string
}

/** A package that has not run to its end by then (a top-level await that waits for a server, say) never will. */
const PACKAGE_SECS = 30

type Namespace = Readonly<Record<string, unknown>>

/**
 * Runs a bundle in this process.
 *
 * @throws `FMS_ERR_MODULE`, with file and line of what threw, by the source.
 */
export async function load (bundle: Bundle): Promise<Loaded> {
  const positions = new Positions(bundle.file, bundle.sourceMap)
  const namespaces = await importPackages(bundle)
  try {
    return { exports: run(bundle, namespaces), mapStack: stack => positions.map(stack).stack }
  } catch (error) {
    throw thrownWhileLoading(error, bundle, positions)
  }
}

async function importPackages ({ file, packages }: Bundle): Promise<Map<string, Namespace>> {
  const namespaces = new Map<string, Namespace>()
  // One after the other, in the order of the imports, as Node evaluates them.
  for (const url of packages) {
    try {
      namespaces.set(url, await withDeadline(PACKAGE_SECS * 1000, () => import(url), () => new Error(`it has not finished within ${PACKAGE_SECS} s`)))
    } catch (error) {
      throw new ModuleError('FMS_ERR_MODULE', file, `${url}, which it imports, failed to load: ${messageOf(error)}`, { cause: error })
    }
  }
  return namespaces
}

function run ({ file, code }: Bundle, namespaces: Map<string, Namespace>): Readonly<Record<string, unknown>> {
  const native = createRequire(file)
  const require = Object.assign((specifier: string): unknown => {
    const namespace = namespaces.get(specifier.slice(IMPORTED.length))
    return specifier.startsWith(IMPORTED) && namespace !== undefined ? interoperable(namespace) : native(specifier)
  }, { resolve: native.resolve })
  const module: { exports: unknown } = { exports: {} }
  const script = compileFunction(code, ['exports', 'require', 'module', '__filename', '__dirname'], {
    filename: file,
    // V8 keeps what it compiles, source text included, in a cache that never lets go of a replaced version (105 KB for each
    // reload of a 100 KB script); code in a scope of its own is left out of it. An empty scope costs a call nothing.
    contextExtensions: [Object.create(null) as object],
    // The default loader keeps no replaced script alive, as a function of ours would. Node prints a warning (once) that
    // this setting is experimental: scripts that do not need it are spared.
    ...(code.includes('import(') && { importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER })
  })
  script.call(module.exports, module.exports, require, module, file, dirname(file))
  const { exports } = module
  // A CommonJS entry may have put anything there.
  return Object.freeze(typeof exports === 'object' ? { ...exports } : { default: exports })
}

/** Namespaces live as long as the process: so may what stands for them. */
const interoperables = new WeakMap<Namespace, object>()

/**
 * What esbuild's `require` takes for a compiled ES module, so that `default` means the namespace's own `default` (for a
 * CommonJS package its `module.exports`). Getters, since exports may change later.
 */
function interoperable (namespace: Namespace): object {
  const known = interoperables.get(namespace)
  if (known !== undefined) return known
  const module = Object.defineProperty({}, '__esModule', { value: true })
  for (const name of Object.keys(namespace)) {
    if (name !== '__esModule') Object.defineProperty(module, name, { enumerable: true, get: () => namespace[name] })
  }
  interoperables.set(namespace, module)
  return module
}

function thrownWhileLoading (error: unknown, { file, cycles }: Bundle, positions: Positions): ModuleError {
  const { stack, origins } = positions.map(error instanceof Error ? String(error.stack) : '')
  if (error instanceof Error) Reflect.set(error, 'stack', stack)
  const cycle = cycles.find(files => origins.some(origin => files.includes(origin.file)))
  // Files that import one another may see exports that have no value yet: a ReferenceError in Node, undefined in a script.
  const hint = cycle !== undefined && (error instanceof ReferenceError || error instanceof TypeError)
    ? `; these files import one another, so one may be used before it has run: ${[...cycle, cycle[0]].join(' -> ')}`
    : ''
  return new ModuleError('FMS_ERR_MODULE', origins[0]?.file ?? file, `it threw while loading: ${messageOf(error)}${hint}`,
    { cause: error, ...(origins[0] !== undefined && { line: origins[0].line }) })
}
