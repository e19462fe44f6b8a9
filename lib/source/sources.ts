import { readFile, stat } from 'node:fs/promises'
import { dirname, extname } from 'node:path'
import type { BuildFailure, Loader, Message } from 'esbuild'
import { ModuleError } from './problem.ts'

/** esbuild's namespace of the files that a script is made of: in its own, `file`, it would apply Node's CJS interop to all of them. */
export const LOCAL = 'local'

const loaders = new Map<string, Loader>([
  ['.ts', 'ts'], ['.mts', 'ts'], ['.cts', 'ts'], ['.js', 'js'], ['.mjs', 'js'], ['.cjs', 'js'], ['.json', 'json']
])

export interface Source {
  readonly contents: string
  readonly loader: Loader
}

/**
 * Reads a file that a module is made of.
 *
 * @throws `FMS_ERR_MODULE`, also for what would never end (a pipe) or has no end to speak of (a device).
 */
export async function readSource (file: string): Promise<Source> {
  const loader = loaders.get(extname(file))
  if (loader === undefined) {
    throw new ModuleError('FMS_ERR_MODULE', file, `expected a file that ends in one of ${[...loaders.keys()].join(' ')}; found ${file}`)
  }
  try {
    if (!(await stat(file)).isFile()) throw new Error('it is not a file')
    // A hashbang line is legal in a file only, not inside the function that the script becomes; `//` keeps its columns.
    return { contents: (await readFile(file, 'utf8')).replace(/^#!/, '//'), loader }
  } catch (error) {
    throw unreadable(file, error)
  }
}

export function unreadable (file: string, error: unknown): ModuleError {
  return new ModuleError('FMS_ERR_MODULE', file, `cannot read ${file}: ${(error as Error).message}`, { cause: error })
}

/** esbuild's first complaint in our words: file and line of the culprit, not of the entry; `inputs` are what may mend it. */
export function buildError (entry: string, failure: unknown, inputs: Iterable<string> = []): ModuleError {
  const message = (failure as Partial<BuildFailure>).errors?.[0]
  if (message === undefined) return new ModuleError('FMS_ERR_MODULE', entry, (failure as Error).message, { cause: failure, inputs })
  const { location } = message
  const file = location === null ? entry : withoutNamespace(location.file)
  return new ModuleError('FMS_ERR_MODULE', file, explain(message, file), location === null ? { inputs } : { line: location.line, inputs })
}

function explain ({ text, notes }: Message, file: string): string {
  if (/top-level await/i.test(text)) {
    return 'top-level await is not supported: do the work in an exported function __start__(app), ' +
      'which is awaited before the module goes live, or await it inside the endpoint'
  }
  // Notes without a place are advice on esbuild's own options.
  const why = notes.filter(note => note.location !== null).map(note => ` (${note.text.replace(/:$/, '')})`).join('')
  const [, wanted] = /^Could not resolve "(.*)"$/.exec(text) ?? []
  if (wanted === undefined) return withoutNamespace(text + why)
  return isLocal(wanted)
    ? `cannot find the file "${wanted}" that ${file} imports`
    : `cannot find the package "${wanted}" that ${file} imports${why}; install it where Node finds it from ${dirname(file)}, or correct the name`
}

/** Whether an import names a file, not a package. */
export function isLocal (specifier: string): boolean {
  return /^(\.{1,2}(\/|$)|\/|file:)/.test(specifier)
}

export function withoutNamespace (text: string): string {
  return text.replaceAll(`${LOCAL}:`, '')
}
