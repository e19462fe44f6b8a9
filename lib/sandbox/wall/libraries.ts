import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Binding } from './program.ts'

/** Where distributions keep libraries; for a Node whose libraries `ldd` cannot name. */
const FOLDERS = ['/usr/lib', '/usr/lib64', '/usr/share/nodejs', '/lib', '/lib64', '/etc/ld.so.cache']
const MS = 5_000

/**
 * The libraries that a program is linked with, at the paths that it looks for them; those of isolated-vm are among Node's.
 *
 * @throws where `ldd` is missing or fails
 */
export async function librariesOf (program: string): Promise<Binding[]> {
  try {
    const { stdout } = await promisify(execFile)('/usr/bin/ldd', [program], { env: {}, timeout: MS })
    const paths = new Set([...stdout.matchAll(/(?:^|\s)(\/\S+)/g)].map(([, path]) => path!))
    // musl's `ldd` also names the program itself, as its first line does.
    return [...paths].filter(path => path !== program && existsSync(path)).map(path => ({ source: path, target: path }))
  } catch (error) {
    if (/not a dynamic executable|Not a valid dynamic program/i.test(String((error as { stderr?: unknown }).stderr))) return []
    throw error
  }
}

/** All libraries of the system: more than needed, and still no file of the app. */
export function allLibraries (): Binding[] {
  return FOLDERS.filter(path => existsSync(path)).map(path => ({ source: path, target: path }))
}
