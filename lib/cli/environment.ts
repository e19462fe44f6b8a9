import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { CommandError, type Environment, EXIT } from './command.ts'

/** What the process was given, over `.env` of the directory. */
export async function readEnvironment (directory: string): Promise<Environment> {
  const file = await parseEnvironmentFile(join(directory, '.env')) ?? {}
  return { ...file, ...process.env }
}

/** Names that the process was given, and with another value than here. */
export function overridden (values: Environment): string[] {
  return Object.keys(values).filter(name => process.env[name] !== undefined && process.env[name] !== values[name])
}

/** What a file like `.env` says; undefined where there is none. `NAME=` in it means: not set. */
export async function parseEnvironmentFile (path: string): Promise<Environment | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw new CommandError(`${path}: expected a file that can be read, or none; found ${error.code}`, EXIT.usage)
  })
  return text === undefined ? undefined : Object.fromEntries(Object.entries(parseEnv(text)).filter(([, value]) => value !== ''))
}

/** Whether others than its owner may read a file, as ssh asks of keys. Windows has no such modes. */
export async function isOpenToOthers (path: string): Promise<boolean> {
  return process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0
}
