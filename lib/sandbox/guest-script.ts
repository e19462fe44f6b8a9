import type { BuildOptions } from 'esbuild'
import type { Esbuild } from '../source/esbuild.ts'

const options: BuildOptions = {
  bundle: true,
  write: false,
  format: 'iife',
  globalName: 'bundle',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  // All that V8 of our own Node knows.
  target: 'node24',
  charset: 'utf8',
  // What an isolate keeps of a script is its text, too.
  minifyWhitespace: true,
  minifySyntax: true,
  tsconfigRaw: '{}',
  legalComments: 'none',
  logLevel: 'silent'
}

/** One of our own files with all that it imports, as a script for isolates, which know nothing of Node. Its exports are `bundle`'s. */
export async function bundleForGuests (esbuild: Esbuild, file: string, more: BuildOptions): Promise<string> {
  const { outputFiles } = await esbuild.build({ ...options, entryPoints: [file], ...more })
  return (outputFiles as Array<{ text: string }>)[0]!.text
}
