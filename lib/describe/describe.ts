import { resolve } from 'node:path'
import type { Description } from './description.ts'
import { readExports } from './read.ts'

export type { Description, Endpoint, Runner } from './description.ts'

/** Reads what a trusted module exports. A wrong descriptor refuses its endpoint alone; `folder` is where its commands run. */
export function describe (exports: Readonly<Record<string, unknown>>, file: string, folder: string): Description {
  return readExports(exports, file, (tag, given) => tag.kind === 'command'
    ? { kind: 'command', run: given.run ?? [], cwd: resolve(folder, given.cwd ?? '.'), env: given.env ?? {} }
    : { kind: 'function', call: tag.handler as () => unknown })
}
