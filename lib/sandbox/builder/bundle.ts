import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BuildOptions, BuildResult } from 'esbuild'
import { Copy, type Files } from './copy.ts'
import { JobFailure, explain } from './failure.ts'
import { LOCAL, META } from './namespaces.ts'
import type { Job } from './protocol.ts'
import { resolver, type Allowed } from './resolver.ts'

export type Esbuild = typeof import('esbuild')

export interface Bundle {
  readonly code: Buffer
  /** JSON; its sources are relative to the module's root. */
  readonly map: Buffer
}

const options = {
  bundle: true,
  write: false,
  metafile: true,
  format: 'cjs',
  platform: 'neutral',
  target: 'node24',
  // What esbuild turns `import(name)` into fails in our own `require`, with words, and never reaches V8's loader.
  supported: { 'dynamic-import': false },
  sourcemap: 'external',
  sourcesContent: false,
  legalComments: 'none',
  logLevel: 'silent',
  // A sandbox has web standards and no Node: what packages offer to workers and browsers fits best.
  conditions: ['worker', 'browser', 'module'],
  mainFields: ['browser', 'module', 'main'],
  // A tsconfig.json may name files anywhere (`extends`, `paths`), and errors quote them.
  tsconfigRaw: '{}',
  define: { 'import.meta': META }
} as const satisfies BuildOptions

/**
 * Bundles a module out of what the host has of its files.
 *
 * @throws {JobFailure}
 */
export async function bundle (esbuild: Esbuild, job: Job, files: Files, packages: Allowed): Promise<Bundle> {
  // The system's own name for the directory: all that esbuild tells is compared with it.
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'module-')))
  // Deeper than the scratch directory itself, so that no name in it is looked up beside other modules'.
  const root = join(scratch, 'root')
  try {
    const copy = new Copy(root, job.entry, files)
    const result = await esbuild.build({
      ...options, absWorkingDir: root, outfile: 'module.js', entryPoints: [join(root, job.entry)], plugins: [resolver(copy, packages)]
    }).catch((failure: unknown) => { throw explain(failure, root, job) })
    return toBundle(result, job)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function toBundle ({ outputFiles, metafile }: BuildResult<typeof options>, { moduleBytes }: Job): Bundle {
  const [map, script] = outputFiles
  // ES modules are strict, which the script must say of itself; a CommonJS file among them may count on not being so.
  const strict = Object.values(metafile.inputs).every(input => input.format !== 'cjs')
  // On the first line, which is never an author's: the source map stays right.
  const code = Buffer.from(strict ? `"use strict";${script!.text}` : script!.text)
  if (code.length > moduleBytes) {
    throw new JobFailure({ message: `expected a script of at most ${moduleBytes} bytes, with all that it imports (limit moduleBytes); found ${code.length}` })
  }
  const parsed = JSON.parse(map!.text) as { sources: string[] }
  const sources = parsed.sources.map(source => source.replace(`${LOCAL}:`, ''))
  return { code, map: Buffer.from(JSON.stringify({ ...parsed, sources })) }
}
