import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

const DIRECTORY_MODE = 0o700
const FILE_MODE = 0o600

/** Makes what is missing of a database's place, and lets no other user of the system look into the database. */
export function makePlace (file: string): void {
  const directory = dirname(file)
  // The umask takes from the modes that are asked for here: of what is new, they are set once more.
  if (mkdirSync(directory, { recursive: true, mode: DIRECTORY_MODE }) !== undefined) chmodSync(directory, DIRECTORY_MODE)
  try {
    // Only ever made, never opened: the first close of a file takes all of the process's POSIX locks on it, SQLite's too.
    closeSync(openSync(file, 'wx', FILE_MODE))
    chmodSync(file, FILE_MODE)
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
    // SQLite gives the files beside it the mode of the database when it makes them.
    for (const name of [file, `${file}-wal`, `${file}-shm`]) makePrivate(name)
  }
}

/** Tells a file from another that takes its place. Undefined where there is none. */
export function identityOf (file: string): string | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false })
  return stat && `${stat.dev}:${stat.ino}`
}

function makePrivate (file: string): void {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (!stat?.isFile() || (stat.mode & 0o077) === 0) return
  try {
    chmodSync(file, stat.mode & DIRECTORY_MODE)
  } catch (error) {
    // Another user's file: whoever gave it to us has chosen who may read it. On a read-only disk, opening it says so.
    if (!isCode(error, 'EPERM') && !isCode(error, 'EROFS')) throw error
  }
}

function isCode (error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
