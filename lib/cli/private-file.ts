import { open, rm } from 'node:fs/promises'
import { CommandError, EXIT } from './command.ts'

const reasons: Readonly<Record<string, string>> = {
  EEXIST: 'it is there already, and is left as it is: move it away first',
  ENOENT: 'there is no such directory: make it first',
  ENOTDIR: 'that is no directory',
  EACCES: 'you may not write there',
  EPERM: 'you may not write there',
  EROFS: 'nothing can be written there',
  ENOSPC: 'the disk is full: make room, and call this again',
  EDQUOT: 'the disk is full for you: make room, and call this again'
}

/**
 * A new file that only its owner can read.
 *
 * @throws {CommandError} where it is there, or cannot be written; then nothing of it is left
 */
export async function writePrivately (path: string, text: string): Promise<void> {
  const file = await openPrivately(path)
  await file.write(text)
}

/** A file that waits for what may be told only once: opened before it is asked for. */
export interface PrivateFile {
  write (text: string): Promise<void>
  /** Where nothing came to be written. */
  discard (): Promise<void>
}

/** @throws {CommandError} where it is there, or cannot be made */
export async function openPrivately (path: string): Promise<PrivateFile> {
  const handle = await open(path, 'wx', 0o600).catch((error: unknown) => { throw notWritten(path, error) })
  const discard = async (): Promise<void> => {
    await handle.close().catch(() => {})
    await rm(path, { force: true })
  }
  return {
    discard,
    async write (text) {
      try {
        await handle.writeFile(text)
        await handle.sync()
      } catch (error) {
        await discard()
        throw notWritten(path, error)
      }
      await handle.close()
    }
  }
}

function notWritten (path: string, error: unknown): CommandError {
  const { code = '', message } = error as NodeJS.ErrnoException
  return new CommandError(`${path} is not written: ${reasons[code] ?? message}.`, code === 'ENOSPC' || code === 'EDQUOT' ? EXIT.failed : EXIT.usage)
}
