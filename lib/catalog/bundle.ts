import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { BuildOptions, BuildResult, Metafile } from 'esbuild'
import { type Esbuild, privateEsbuild } from '../source/esbuild.ts'
import { readIdentity } from './identity.ts'
import { IMPORTED, META, resolver } from './resolve.ts'
import { LOCAL, buildError, unreadable } from '../source/sources.ts'

/** A module as one CommonJS script. */
export interface Bundle {
  /** The entry's real path. */
  readonly file: string
  readonly code: string
  /** JSON, without the sources' text. */
  readonly sourceMap: string
  /** Real paths of every local file that it is made of, the entry first. */
  readonly inputs: readonly string[]
  /** What must be imported before the script runs: `node:` names or file URLs, in the order of the imports. */
  readonly packages: readonly string[]
  /** Inputs that import one another in a circle, each named once. */
  readonly cycles: ReadonlyArray<readonly string[]>
}

const options = {
  bundle: true,
  write: false,
  metafile: true,
  outfile: 'module.js',
  format: 'cjs',
  platform: 'node',
  target: 'node24',
  sourcemap: 'external',
  sourcesContent: false,
  legalComments: 'none',
  logLevel: 'silent',
  // Node's own, beside `node` and `import`; without a list esbuild adds `module`, which Node does not know.
  conditions: ['node-addons', 'module-sync'],
  mainFields: ['main'],
  // Node reads no tsconfig.json either; a broken one must not matter.
  tsconfigRaw: '{}',
  define: { 'import.meta': META }
} as const satisfies BuildOptions

/** Makes bundles, with an esbuild of its own that ends at `close()`. */
export class Bundler {
  #esbuild: Esbuild | undefined
  #closed = false
  readonly #running = new Set<Promise<unknown>>()

  /**
   * Bundles a module's entry with the local files that it imports; packages stay outside.
   *
   * @throws `FMS_ERR_MODULE`, with file and line of the culprit.
   */
  async bundle (file: string): Promise<Bundle> {
    return await this.#run(async esbuild => {
      const entry = await realpath(file).catch(error => { throw unreadable(file, error) })
      const asked = new Set<string>()
      const result = await esbuild().build({ ...options, absWorkingDir: dirname(entry), entryPoints: [entry], plugins: [resolver(asked)] })
        .catch(failure => { throw buildError(entry, failure, asked) })
      return toBundle(entry, result)
    })
  }

  /** The owner that a module's own source names: see `readIdentity`. */
  async identity (file: string): Promise<string | undefined> {
    return await this.#run(async esbuild => await readIdentity(file, async (...args) => await esbuild().transform(...args)))
  }

  /** Ends esbuild's process, some 45 MB, after what is under way; the next bundle starts it again, in some 20 ms. */
  async rest (): Promise<void> {
    await Promise.allSettled(this.#running)
    // Who began meanwhile comes here too.
    if (this.#running.size === 0) await this.#esbuild?.stop()
  }

  /** Ends esbuild's process for good. */
  async close (): Promise<void> {
    this.#closed = true
    await this.rest()
    this.#esbuild = undefined
  }

  async #run<T> (work: (esbuild: () => Esbuild) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error('the bundler is closed')
    const running = work(() => (this.#esbuild ??= privateEsbuild()))
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
    }
  }
}

function toBundle (file: string, { outputFiles, metafile }: BuildResult<typeof options>): Bundle {
  const [map, script] = outputFiles
  const inputs = Object.keys(metafile.inputs).flatMap(input => localPath(input) ?? [])
  const imports = Object.values(metafile.outputs).flatMap(output => output.imports)
  // ES modules are strict, which the script must say of itself; a CommonJS file among them may count on not being so.
  const strict = Object.values(metafile.inputs).every(input => input.format !== 'cjs')
  return {
    file,
    // On the first line, which is never an author's: the source map stays right.
    code: strict ? `"use strict";${script!.text}` : script!.text,
    sourceMap: map!.text,
    inputs: [...new Set([file, ...inputs])],
    packages: [...new Set(imports.flatMap(({ path }) => path.startsWith(IMPORTED) ? path.slice(IMPORTED.length) : []))],
    cycles: findCycles(file, metafile.inputs)
  }
}

/** An input's name in the metafile carries its namespace and its import attributes. */
function localPath (input: string): string | undefined {
  return input.startsWith(`${LOCAL}:`) ? input.slice(LOCAL.length + 1).replace(/ with \{.*\}$/, '') : undefined
}

/** One cycle for each import that leads back to a file on the way to it; `import()` runs later and makes none. */
function findCycles (entry: string, inputs: Metafile['inputs']): string[][] {
  const cycles: string[][] = []
  const seen = new Set<string>()
  const way: string[] = []
  const visit = (file: string) => {
    if (way.includes(file)) cycles.push(way.slice(way.indexOf(file)))
    if (seen.has(file)) return
    seen.add(file)
    way.push(file)
    for (const { path, kind } of inputs[`${LOCAL}:${file}`]?.imports ?? []) {
      const next = kind === 'dynamic-import' ? undefined : localPath(path)
      if (next !== undefined) visit(next)
    }
    way.pop()
  }
  visit(entry)
  return cycles
}
