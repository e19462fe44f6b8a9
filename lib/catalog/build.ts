import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { show } from '../show.ts'
import { isReservedName, namePattern } from '../names.ts'
import type { Bundle } from './bundle.ts'
import { describe } from '../describe/describe.ts'
import { load } from './load.ts'
import { ModuleVersion } from './module.ts'
import { ModuleError } from '../source/problem.ts'
import type { ModuleFile } from './walk.ts'

/**
 * Turns a bundle into a version of its module: runs it, reads its exports. Throws a `ModuleError`.
 *
 * @param id what the source says of `__ID__`: null for nothing, undefined where it does not count
 */
export async function build (source: ModuleFile, bundle: Bundle, id: string | null | undefined): Promise<ModuleVersion> {
  const loaded = await load(bundle)
  if (id !== undefined && (loaded.exports['__ID__'] ?? null) !== id) {
    throw new ModuleError('FMS_ERR_OWNER', source.file,
      `__ID__: expected to be read from the source, as export const __ID__ = '<uuid>'; found ${show(loaded.exports['__ID__'])} when it ran`)
  }
  checkReserved(loaded.exports, source.file)
  return new ModuleVersion(
    { owner: source.owner, name: source.name, file: source.file, version: uploadedAs(source) ?? versionOf(bundle), upload: source.version },
    loaded,
    describe(loaded.exports, source.file, source.folder ?? dirname(source.file)))
}

/** What the version of an uploaded module is called. */
export function uploadedAs ({ version }: ModuleFile): string | undefined {
  return version?.slice(0, 12)
}

/** 48 bits of the content: enough to tell the versions of one module apart. Where only lines moved, positions did. */
export function versionOf ({ code, sourceMap }: Bundle): string {
  return createHash('sha256').update(code).update(sourceMap).digest('hex').slice(0, 12)
}

/** The exports that mean something to the platform. */
function checkReserved (exports: Readonly<Record<string, unknown>>, file: string): void {
  const { __alias__: alias, __start__: start, __close__: close } = exports
  if (alias !== undefined && (typeof alias !== 'string' || !namePattern.test(alias) || alias.startsWith('__'))) {
    throw new ModuleError('FMS_ERR_NAME', file, `__alias__: expected letters, digits, "-" and "_", not beginning with "__"; found ${show(alias)}`)
  }
  if (typeof alias === 'string' && isReservedName(alias)) {
    throw new ModuleError('FMS_ERR_NAME', file, `__alias__: ${show(alias)} is reserved; choose another`)
  }
  for (const [name, value] of [['__start__', start], ['__close__', close]] as const) {
    if (value !== undefined && typeof value !== 'function') {
      throw new ModuleError('FMS_ERR_MODULE', file, `${name}: expected a function; found a ${typeof value}`)
    }
  }
}
