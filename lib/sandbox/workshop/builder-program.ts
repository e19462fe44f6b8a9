import { realpathSync } from 'node:fs'
import { createRequire, findPackageJSON } from 'node:module'
import { extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Tools, UnpackerTools } from '../builder/protocol.ts'
import { findPackage } from './host-packages.ts'
import type { Program } from '../layers.ts'

/** Names and package.json files of two modules' folders. */
const SCRATCH_BYTES = 64 * 1024 * 1024

const extension = extname(import.meta.filename)
const sandbox = join(import.meta.dirname, '..')

/** A program, and what it is told at its start. */
export interface Outfit {
  readonly program: Program
  readonly tools: Tools | UnpackerTools
}

/**
 * Bundles and describes, with esbuild and isolated-vm.
 *
 * @throws where one of them is missing
 */
export function builder (tools: Omit<Tools, 'esbuild' | 'isolatedVm'>): Outfit {
  const esbuild = folderOf('esbuild', import.meta.dirname)
  const isolatedVm = folderOf('isolated-vm', import.meta.dirname)
  const binary = folderOf(`@esbuild/${process.platform}-${process.arch}`, realpathSync(esbuild))
  const loader = folderOf('node-gyp-build', realpathSync(isolatedVm))
  const folders = [realpathSync(esbuild), realpathSync(isolatedVm), binary, loader, ...tools.packages.map(({ folder }) => folder)]
  return {
    program: { ...program('main', [join(sandbox, 'child'), ...folders]), spawns: true, scratchBytes: SCRATCH_BYTES },
    tools: { ...tools, esbuild: urlOf(esbuild), isolatedVm: urlOf(isolatedVm) }
  }
}

/**
 * Unpacks archives.
 *
 * @throws where the package for that is missing
 */
export function unpacker (): Outfit {
  const modernTar = folderOf('modern-tar', import.meta.dirname)
  return { program: program('unpacker', [realpathSync(modernTar)]), tools: { modernTar: urlOf(modernTar) } }
}

function urlOf (folder: string): string {
  return pathToFileURL(createRequire(import.meta.url).resolve(realpathSync(folder))).href
}

function folderOf (name: string, from: string): string {
  const found = findPackage(name, from)
  if (found === undefined) throw new Error(`the package ${name} is not installed where ${from} finds it`)
  return found.folder
}

function program (name: string, folders: readonly string[]): Program {
  return {
    entry: join(sandbox, 'builder', `${name}${extension}`),
    readable: [
      join(sandbox, 'builder'), join(sandbox, `protocol${extension}`),
      // It tells Node that our files are ES modules.
      findPackageJSON(import.meta.url) as string,
      ...folders
    ],
    // What runs once gains nothing by being compiled well.
    nodeArguments: ['--no-node-snapshot', '--max-old-space-size=256', '--no-sparkplug', '--no-maglev'],
    spawns: false,
    scratchBytes: 0
  }
}
