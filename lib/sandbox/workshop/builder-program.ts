import { realpathSync } from 'node:fs'
import { createRequire, findPackageJSON } from 'node:module'
import { extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Tools } from '../builder/protocol.ts'
import { findPackage } from './host-packages.ts'
import type { Program } from '../layers.ts'

/** Names and package.json files of two modules' folders. */
const SCRATCH_BYTES = 64 * 1024 * 1024

/**
 * Where esbuild and isolated-vm are, and the folders that they need.
 *
 * @throws where one is missing
 */
export function engines (): { esbuild: string, isolatedVm: string, folders: string[] } {
  const esbuild = folderOf('esbuild', import.meta.dirname)
  const isolatedVm = folderOf('isolated-vm', import.meta.dirname)
  const binary = folderOf(`@esbuild/${process.platform}-${process.arch}`, realpathSync(esbuild))
  const loader = folderOf('node-gyp-build', realpathSync(isolatedVm))
  const urlOf = (folder: string): string => pathToFileURL(createRequire(import.meta.url).resolve(realpathSync(folder))).href
  return { esbuild: urlOf(esbuild), isolatedVm: urlOf(isolatedVm), folders: [realpathSync(esbuild), realpathSync(isolatedVm), binary, loader] }
}

function folderOf (name: string, from: string): string {
  const found = findPackage(name, from)
  if (found === undefined) throw new Error(`the package ${name} is not installed where ${from} finds it`)
  return found.folder
}

/** What a builder is. */
export function builderProgram (folders: readonly string[], packages: Tools['packages']): Program {
  const extension = extname(import.meta.filename)
  const sandbox = join(import.meta.dirname, '..')
  return {
    entry: join(sandbox, 'builder', `main${extension}`),
    readable: [
      join(sandbox, 'builder'), join(sandbox, 'child'), join(sandbox, `protocol${extension}`),
      // It tells Node that our files are ES modules.
      findPackageJSON(import.meta.url) as string,
      ...folders, ...packages.map(({ folder }) => folder)
    ],
    // What runs once gains nothing by being compiled well.
    nodeArguments: ['--no-node-snapshot', '--max-old-space-size=256', '--no-sparkplug', '--no-maglev'],
    spawns: true,
    scratchBytes: SCRATCH_BYTES
  }
}
