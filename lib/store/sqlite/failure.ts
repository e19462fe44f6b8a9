import { messageOf } from '../../errors.ts'
import type { Failure } from './protocol.ts'

// SQLite's primary result codes: https://www.sqlite.org/rescode.html
const BUSY = 5
const LOCKED = 6
const READONLY = 8
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const NOTADB = 26

const SQLITE_TEXTS: Readonly<Record<number, string>> = {
  [BUSY]: 'is locked by another process: end what holds it, or try again later',
  [LOCKED]: 'is locked: try again later',
  [READONLY]: 'cannot be written to: let the process write to the file and its directory',
  [CORRUPT]: 'is corrupt: put a backup in its place, or move it away to begin with an empty store',
  [FULL]: 'has no space left: make room on its disk',
  [CANTOPEN]: 'cannot be opened: let the process read and write the file and its directory',
  [NOTADB]: 'is not a database of SQLite: put a backup in its place, or move it away to begin with an empty store'
}

/** The file cannot serve as the store, whatever is tried: the message says what is wrong with it. */
export class Refusal extends Error {}

/** Something else holds the lock just now. */
export function isBusy (error: unknown): boolean {
  const code = sqliteCode(error)
  return code === BUSY || code === LOCKED
}

/** Whether the connection may be used again after this: what it knows of the file is still true. */
export function isPassing (error: unknown): boolean {
  return isBusy(error) || sqliteCode(error) === FULL
}

/** What went wrong with the file, and what to do; `code` is that of the error that it becomes. */
export function failureOf (error: unknown, file: string, code: Failure['code']): Failure {
  const message = messageOf(error)
  if (error instanceof Refusal) return { code, text: `${file} ${message}` }
  if (error instanceof Error && 'syscall' in error) return { code, text: `${file} cannot be made (${message}): set DATA_DIR to a directory that this process may make and write to` }
  const known = SQLITE_TEXTS[sqliteCode(error) ?? 0]
  return { code, text: known === undefined ? `${file} cannot be used: ${message}` : `${file} ${known} (${message})` }
}

function sqliteCode (error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
}
