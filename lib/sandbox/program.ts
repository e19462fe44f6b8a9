import { existsSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import type { Program } from './layers.ts'

const extension = extname(import.meta.filename)
const child = join(import.meta.dirname, 'child')

/**
 * What a cell is: our own files, and isolated-vm with the package that loads it.
 *
 * @param hardened without JIT, and so without most of what V8's holes were found in; hot loops take several times as long
 */
export function cellProgram (hardened: boolean): Program {
  const isolatedVm = folderOf('isolated-vm', import.meta.filename)
  const loader = folderOf('node-gyp-build', join(isolatedVm, 'package.json'))
  return {
    entry: join(child, `main${extension}`),
    readable: [child, join(import.meta.dirname, `protocol${extension}`), manifest(), isolatedVm, loader],
    nodeArguments: [
      // They would fill the last words, which are for errors.
      '--no-warnings',
      // isolated-vm needs isolates that do not come from it.
      '--no-node-snapshot',
      '--disallow-code-generation-from-strings',
      '--disable-proto=delete',
      // Of the cell's own script, which keeps nothing.
      '--max-old-space-size=128',
      ...(hardened ? ['--jitless'] : [])
    ],
    spawns: false,
    scratchBytes: 0
  }
}

function folderOf (name: string, from: string): string {
  return dirname(realpathSync(createRequire(from).resolve(`${name}/package.json`)))
}

/** Our own, which says that our files are modules. */
function manifest (): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const file = join(folder, 'package.json')
    if (existsSync(file) || folder === dirname(folder)) return file
  }
}
