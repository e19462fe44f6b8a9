import { readdir } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { type Esbuild, privateEsbuild } from '../source/esbuild.ts'
import { bundleForGuests } from './guest-script.ts'
import type { Hello } from './protocol.ts'

const extension = extname(import.meta.filename)
const directory = join(import.meta.dirname, 'child', 'prelude')

/** Lists the parts, so is none; the core has it. */
const TABLE = 'table'

let prelude: Promise<Hello> | undefined

/** Scripts that every isolate is made with: bundled once per process, since the cells themselves may read no sources. */
export function loadPrelude (): Promise<Hello> {
  prelude ??= bundleAll().catch((error: unknown) => {
    // The next start may find what was missing.
    prelude = undefined
    throw error
  })
  return prelude
}

async function bundleAll (): Promise<Hello> {
  const names = (await readdir(join(directory, 'parts'))).filter(isScript).map(file => basename(file, extension)).filter(name => name !== TABLE)
  const esbuild = privateEsbuild()
  try {
    const [core, ...parts] = await Promise.all([
      bundle(esbuild, join(directory, `core${extension}`), 'start(host, configuration)'),
      ...names.map(name => bundle(esbuild, join(directory, 'parts', name + extension), 'default(host, part)'))
    ])
    return { core: core as string, parts: Object.fromEntries(names.map((name, i) => [name, parts[i] as string])) }
  } finally {
    await esbuild.stop()
  }
}

/** Beside a compiled file lie its declarations. */
function isScript (file: string): boolean {
  return file.endsWith(extension) && !file.endsWith('.d.ts')
}

/**
 * One file with all that it imports, as the body of a function that returns what the call gives. It is strict from its
 * first statement on: the call sites that a stack trace hands out give the functions of sloppy code away.
 */
async function bundle (esbuild: Esbuild, file: string, call: string): Promise<string> {
  return await bundleForGuests(esbuild, file, {
    banner: { js: '"use strict";' },
    footer: { js: `return bundle.${call}` },
    // Ajv asks which Node it runs on; there is none.
    define: { 'process.versions': '{}' }
  })
}
