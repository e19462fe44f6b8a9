import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, readdir, readlink, realpath } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { isInside } from '../../directories.ts'
import { codeOf } from './files.ts'
import { refuse } from './refusal.ts'

export type Item =
  | { readonly kind: 'folder' }
  | { readonly kind: 'file', readonly path: string }
  /** Target: relative to the link's folder. */
  | { readonly kind: 'link', readonly target: string }

export interface Inventory {
  /** By path below the root, folders before what is in them; the root's own is empty. */
  readonly items: ReadonlyMap<string, Item>
  /** What is left out, and why. */
  readonly left: readonly string[]
}

/** A tenant's folder with its node_modules has some 10,000; more is a mistake, or hostile. */
const ITEMS_MAX = 100_000
/** npm nests packages, two folders each; what is deeper was made by who looks for a limit. */
const DEPTH_MAX = 64

/** What a file or folder holds. Nothing is opened through a link; links are kept that stay inside, as sandboxed modules may have no others. */
export async function takeInventory (path: string): Promise<Inventory> {
  const root = await realpath(path)
  const items = new Map<string, Item>()
  const left: string[] = []
  const add = async (name: string, depth: number): Promise<void> => {
    const place = join(root, name)
    const stat = await lstat(place)
    if (items.size >= ITEMS_MAX || depth > DEPTH_MAX) refuse(`${path}: expected at most ${ITEMS_MAX} files, at most ${DEPTH_MAX} folders deep; found more, at ${place}: take away what is no module`)
    if (stat.isFile()) items.set(name, { kind: 'file', path: place })
    else if (stat.isSymbolicLink()) await addLink(name, place)
    else if (!stat.isDirectory()) left.push(`${place}: it is neither a file nor a folder`)
    else {
      items.set(name, { kind: 'folder' })
      for (const child of (await readdir(place)).sort()) await add(join(name, child), depth + 1)
    }
  }
  const addLink = async (name: string, place: string): Promise<void> => {
    const real = await realpath(place).catch(() => undefined)
    if (real === undefined) left.push(`${place}: it is a link that leads nowhere`)
    else if (!isInside(real, root) && real !== root) left.push(`${place}: it is a link that leads out of ${root}`)
    else items.set(name, { kind: 'link', target: relative(dirname(place), real) })
  }
  await add('', 0)
  return { items, left }
}

/** Opens a file that an inventory found, if it is still that: a folder on the way to it may have become a link. @throws ENOENT where it is not */
export async function openFile (path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(error => {
    throw codeOf(error) === 'ELOOP' ? changed(path) : error
  })
  try {
    const isPlain = (await handle.stat()).isFile()
    const place = process.platform === 'linux' ? await readlink(`/proc/self/fd/${handle.fd}`) : await realpath(path)
    if (!isPlain || place !== path) throw changed(path)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** SHA-256 of a file's content. */
export async function digestOf (path: string): Promise<string> {
  const handle = await openFile(path)
  try {
    const hash = createHash('sha256')
    for await (const chunk of handle.createReadStream({ autoClose: false })) hash.update(chunk as Buffer)
    return hash.digest('hex')
  } finally {
    await handle.close()
  }
}

function changed (path: string): Error {
  return Object.assign(new Error(`${path} changed while it was read`), { code: 'ENOENT' })
}
