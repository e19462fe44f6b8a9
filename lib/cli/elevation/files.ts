import { randomBytes } from 'node:crypto'
import { link, open, readdir, readFile, realpath, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

const temporary = /^\..*\.[0-9a-f]{12}\.tmp$/

/** A name beside a file, for what is not whole yet. Hidden: no plugin directory takes it for a module. */
export function temporaryName (file: string): string {
  return join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`)
}

/** Whether it is what a run left that was cut off. */
export function isTemporary (name: string): boolean {
  return temporary.test(name)
}

/**
 * Writes a file that only this user may read: all of it, on the disk, or nothing.
 *
 * @param exclusive whether a file that is there stays; then false is returned
 */
export async function writePrivate (file: string, text: string, { exclusive = false } = {}): Promise<boolean> {
  const part = temporaryName(file)
  try {
    const handle = await open(part, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (!exclusive) await rename(part, file)
    else if (!await isDone(link(part, file), 'EEXIST')) return false
    await syncFolder(dirname(file))
    return true
  } finally {
    await rm(part, { force: true })
  }
}

/** The file's text; undefined where there is none. */
export async function readIfThere (file: string): Promise<string | undefined> {
  return await orUndefined(readFile(file, 'utf8'))
}

/** Names in a folder; undefined where there is none. */
export async function namesIn (folder: string): Promise<string[] | undefined> {
  return await orUndefined(readdir(folder))
}

/** Without links, also where only the way to it exists. */
export async function realPlace (path: string): Promise<string> {
  return await orUndefined(realpath(path)) ?? (dirname(path) === path ? path : join(await realPlace(dirname(path)), basename(path)))
}

export function codeOf (error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** A file's new name is on the disk with its folder. */
export async function syncFolder (folder: string): Promise<void> {
  // Windows, and some network disks, cannot.
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

async function orUndefined<T> (work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** False where it failed with that code. */
async function isDone (work: Promise<unknown>, code: string): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (codeOf(error) === code) return false
    throw error
  }
}
