import { createRequire, isBuiltin } from 'node:module'
import { dirname, extname, join, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { OnLoadResult, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild'
import { ModuleError } from '../source/problem.ts'
import { LOCAL, isLocal, readSource } from '../source/sources.ts'

/** Marks, in the script, what it gets as an ES module that was imported before it ran. Other names are `require`d. */
export const IMPORTED = 'import:'

/** Stands for `import.meta` in the script: imported from a virtual JSON file, which differs by importing file. */
export const META = '__import_meta__'
const META_SPECIFIER = 'import-meta:'
const META_NAMESPACE = 'import-meta'

/** Our own resolve calls pass the plugin again; this lets them through to esbuild. */
const own = Symbol('own')

/** The file that the running package itself imports: with any other, authors would tag endpoints with a second copy. */
const endpointUrl = new URL(`../endpoint${extname(import.meta.filename)}`, import.meta.url).href

/**
 * Bundles local files, TypeScript included, and leaves packages to Node, so that they stay one instance per process.
 *
 * @param asked takes the files that were read, and those that were looked for in vain
 */
export function resolver (asked: Set<string>): Plugin {
  return {
    name: 'fastify-microservices',
    setup (build) {
      build.onResolve({ filter: /.*/ }, async args => {
        if (args.pluginData === own) return undefined
        const resolution = await resolve(build, args)
        if (resolution === undefined) for (const file of candidates(args)) asked.add(file)
        return resolution
      })
      build.onLoad({ filter: /.*/, namespace: LOCAL }, ({ path }) => {
        asked.add(path)
        return load(path)
      })
      build.onLoad({ filter: /.*/, namespace: META_NAMESPACE }, ({ path }) => ({
        contents: JSON.stringify({ url: pathToFileURL(path).href, filename: path, dirname: dirname(path) }), loader: 'json'
      }))
    }
  }
}

/** Where something would have to appear for an import to be found after all. */
function candidates ({ path, resolveDir }: OnResolveArgs): string[] {
  if (isLocal(path)) return [join(resolveDir, path)]
  const [, name = path] = /^((?:@[^/]+\/)?[^/]+)/.exec(path) ?? []
  const files: string[] = []
  for (let directory = resolveDir; ; directory = dirname(directory)) {
    files.push(join(directory, 'node_modules', name, 'package.json'))
    if (dirname(directory) === directory) return files
  }
}

/** Undefined leaves it to esbuild, which fails in more detail than `build.resolve` tells. */
type Resolution = OnResolveResult | undefined

async function resolve (build: PluginBuild, args: OnResolveArgs): Promise<Resolution> {
  const { path, kind, importer } = args
  if (kind === 'entry-point') return { path, namespace: LOCAL }
  if (path === META_SPECIFIER) return { path: importer, namespace: META_NAMESPACE }
  if (isLocal(path)) return await resolveLocal(build, args)
  if (kind === 'require-call' || kind === 'require-resolve') return resolveRequired(args)
  if (isBuiltin(path)) return external(args, path.startsWith('node:') ? path : `node:${path}`)
  if (path.startsWith('node:')) return { errors: [{ text: `there is no built-in module "${path}"` }] }
  if (path.startsWith('data:')) return external(args, path)
  const provided = resolveProvided(path)
  return provided === undefined ? await resolvePackage(build, args) : external(args, provided)
}

async function resolveLocal (build: PluginBuild, { path, kind, importer, resolveDir }: OnResolveArgs): Promise<Resolution> {
  const wanted = path.startsWith('file:') ? fileURLToPath(path) : path
  const found = await build.resolve(wanted, { kind, importer, resolveDir, pluginData: own })
  return found.errors.length > 0 ? undefined : { path: found.path, namespace: LOCAL }
}

/** As Node resolves `import` for this file: `exports` and `imports` conditions included. */
async function resolvePackage (build: PluginBuild, args: OnResolveArgs): Promise<Resolution> {
  const { path, kind, importer, resolveDir } = args
  const found = await build.resolve(path, { kind, importer, resolveDir, pluginData: own })
  if (found.errors.length > 0) {
    // As in Node, a failure of the call: the package may be optional.
    return kind === 'dynamic-import' ? { path, external: true } : undefined
  }
  // What `imports` of a package.json maps to a file of the same package is part of the module: it must not go stale.
  const local = path.startsWith('#') && !found.path.includes(`${sep}node_modules${sep}`)
  // Node would ask for an import attribute that not all sources have.
  if (local || extname(found.path) === '.json') return { path: found.path, namespace: LOCAL }
  return external(args, isBuiltin(found.path) ? found.path : pathToFileURL(found.path).href)
}

/** Where the module's directory may have no node_modules, and where it must be this very package's instance. */
function resolveProvided (path: string): string | undefined {
  if (path === 'fastify-microservices') return endpointUrl
  if (!/^@sinclair\/typebox($|\/)/.test(path)) return undefined
  try {
    return import.meta.resolve(path)
  } catch {
    return undefined
  }
}

/** `require()` in a CommonJS file, by Node's own rules; a miss is thrown when it is called, since it may be in a `try`. */
function resolveRequired ({ path, kind, importer }: OnResolveArgs): OnResolveResult {
  if (kind === 'require-resolve') return { path, external: true }
  const from = /^@sinclair\/typebox($|\/)/.test(path) ? import.meta.url : importer
  try {
    return { path: path === 'fastify-microservices' ? fileURLToPath(endpointUrl) : createRequire(from).resolve(path), external: true }
  } catch {
    return { path, external: true }
  }
}

function external ({ kind }: OnResolveArgs, url: string): OnResolveResult {
  return { path: kind === 'dynamic-import' ? url : IMPORTED + url, external: true }
}

async function load (path: string): Promise<OnLoadResult> {
  try {
    const { contents, loader } = await readSource(path)
    const mentionsMeta = loader !== 'json' && /\bimport\s*\.\s*meta\b/.test(contents)
    // At the end, where it moves no line or column; imports are hoisted anyway.
    return { contents: mentionsMeta ? `${contents}\nimport ${META} from '${META_SPECIFIER}'` : contents, loader, resolveDir: dirname(path) }
  } catch (error) {
    if (!(error instanceof ModuleError)) throw error
    // esbuild adds the place of the import.
    return { errors: [{ text: error.message }] }
  }
}
