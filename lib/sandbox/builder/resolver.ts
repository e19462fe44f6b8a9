import { readFileSync, realpathSync } from 'node:fs'
import { dirname, extname, isAbsolute, join, relative, resolve as resolvePath, sep } from 'node:path'
import type { Loader, OnLoadResult, OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild'
import type { Copy } from './copy.ts'
import { LOCAL, META } from './namespaces.ts'
import { isNestedTooDeep } from './nesting.ts'

const META_SPECIFIER = 'import-meta:'

const loaders = new Map<string, Loader>([
  ['.ts', 'ts'], ['.mts', 'ts'], ['.cts', 'ts'], ['.js', 'js'], ['.mjs', 'js'], ['.cjs', 'js'], ['.json', 'json']
])

/** What every isolate has: child/prelude/provided.ts. */
const provided = /^(fastify-microservices|@sinclair\/typebox(\/(compiler|errors|parser|syntax|system|type|value))?)$/

/** Our own resolve calls pass the plugin again; this lets them through to esbuild. */
const own = Symbol('own')

/** The host's packages that a module may have. */
export interface Allowed {
  /** Where a package is to be looked up from, or undefined where the importer may not have it. */
  from (specifier: string, importer: string): string | undefined
  /** Whether a path belongs to one of them. */
  holds (path: string): boolean
}

/** Bundles what the copy holds, and what is allowed beside it. esbuild may look where it likes: what it found is judged here. */
export function resolver (copy: Copy, packages: Allowed): Plugin {
  const context = { copy, packages }
  return {
    name: 'fastify-microservices',
    setup (build) {
      build.onResolve({ filter: /.*/ }, async args => args.pluginData === own ? undefined : await resolve(build, args, context))
      build.onLoad({ filter: /.*/, namespace: LOCAL }, async ({ path }) => await load(path, context))
      // What `import('./' + name)` may mean, esbuild finds by itself, without a question.
      build.onLoad({ filter: /.*/, namespace: 'file' }, async ({ path }) => await load(copy.pathOf(path) ?? path, context))
      build.onLoad({ filter: /.*/, namespace: META }, ({ path }) => ({ contents: meta(path), loader: 'json' }))
      build.onLoad({ filter: /.*/ }, ({ path }) => ({ errors: [{ text: `cannot import ${path}` }] }))
    }
  }
}

interface Context { readonly copy: Copy, readonly packages: Allowed }

/** Undefined leaves it to esbuild, which fails in more detail than `build.resolve` tells, or not at all within a `try`. */
async function resolve (build: PluginBuild, args: OnResolveArgs, context: Context): Promise<OnResolveResult | undefined> {
  const { path, kind, importer, resolveDir } = args
  const { copy, packages } = context
  if (kind === 'entry-point') return { path: copy.entry, namespace: LOCAL }
  if (path === META_SPECIFIER) return { path: importer, namespace: META }
  if (provided.test(path) || kind === 'require-resolve') return { path, external: true }
  if (/^[a-z][-+.a-z0-9]+:/i.test(path) && !path.startsWith('node:')) return refuse(args, 'is a URL: a sandbox imports files and packages only')
  await reach(path, copy.pathOf(resolveDir), copy)
  let found = await build.resolve(path, { kind, importer, resolveDir, pluginData: own })
  const from = packages.from(path, importer)
  if (found.errors.length > 0 && from !== undefined) found = await build.resolve(path, { kind, importer, resolveDir: from, pluginData: own })
  if (found.errors.length > 0) return refusedByCopy(args, context)
  if (found.external || found.namespace !== 'file') return refuse(args, 'cannot be bundled')
  const problem = problemOf(found.path, context)
  if (problem !== undefined) return refuse(args, problem)
  return { path: await copy.nameOf(found.path), namespace: LOCAL, sideEffects: found.sideEffects }
}

/** @param from undefined for files of the host's packages, which are all there */
async function reach (specifier: string, from: string | undefined, copy: Copy): Promise<void> {
  if (from === undefined) return
  if (/^\.{1,2}(\/|$)/.test(specifier)) {
    const path = copy.pathOf(join(copy.root, from, specifier))
    if (path !== undefined) await copy.reach(path)
  } else if (specifier.startsWith('#')) {
    await copy.reachOwn(from)
  } else {
    const [name] = /^(?:@[^/]+\/)?[^/]+/.exec(specifier) ?? []
    if (name !== undefined && !name.startsWith('node:')) await copy.reachPackage(name, from)
  }
}

/** What esbuild did not find may be there, but not for modules. */
function refusedByCopy (args: OnResolveArgs, context: Context): OnResolveResult | undefined {
  const { copy } = context
  const wanted = relative(copy.root, join(args.resolveDir, args.path))
  for (const [path, why] of copy.refused) {
    const isWanted = [wanted, `node_modules/${args.path}`].some(name =>
      name === path || name.startsWith(`${path}/`) || (path.startsWith(`${name}.`) && loaders.has(path.slice(name.length))))
    if (isWanted) return refuse(args, why)
  }
  return undefined
}

function refuse ({ path, importer }: OnResolveArgs, why: string): OnResolveResult {
  return { errors: [{ text: `"${path}", which ${importer} imports, ${why}` }] }
}

function problemOf (path: string, { copy, packages }: Context): string | undefined {
  const real = realpathSync(path)
  if (!real.startsWith(copy.root + sep) && !packages.holds(real)) return "leads outside of the module's folder"
  const extension = extname(real)
  if (loaders.has(extension)) return undefined
  if (extension === '.node') return 'is a native addon: a sandbox runs JavaScript only'
  if (extension === '.wasm') return 'is a WebAssembly file: put its bytes into the source, where the sandbox allows WebAssembly'
  return `has no ending that is known here: ${[...loaders.keys()].join(' ')}`
}

/** @param path of a file of the module, relative; of one of the host's packages, absolute */
async function load (path: string, { copy, packages }: Context): Promise<OnLoadResult> {
  try {
    const loader = loaders.get(extname(path))
    if (loader === undefined) throw new Error(`has no ending that is known here: ${[...loaders.keys()].join(' ')}`)
    if (isAbsolute(path) && !packages.holds(realpathSync(path))) throw new Error("is outside of the module's folder")
    // A hashbang line is legal in a file only, not inside the function that the script becomes; `//` keeps its columns.
    const contents = (isAbsolute(path) ? readFileSync(path, 'utf8') : await copy.read(path)).replace(/^#!/, '//')
    if (isNestedTooDeep(contents)) throw new Error('is nested too deep')
    const mentionsMeta = loader !== 'json' && /\bimport\s*\.\s*meta\b/.test(contents)
    return {
      // At the end, where it moves no line or column; imports are hoisted anyway.
      contents: mentionsMeta ? `${contents}\nimport ${META} from '${META_SPECIFIER}'` : contents, loader, resolveDir: dirname(resolvePath(copy.root, path))
    }
  } catch (error) {
    return { errors: [{ text: `${path} ${(error as Error).message}` }] }
  }
}

/** A module has no place in a file system: it sees itself as if its folder were the root's only one. */
function meta (file: string): string {
  const filename = `/module/${file.split(sep).join('/')}`
  return JSON.stringify({ url: new URL(filename, 'file:').href, filename, dirname: dirname(filename) })
}
