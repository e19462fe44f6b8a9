import { createWriteStream } from 'node:fs'
import { lstat, mkdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { codeOf, temporaryName } from './files.ts'
import { digestOf, type Inventory, type Item, openFile, takeInventory } from './inventory.ts'

export interface Mirrored {
  /** How much differed. */
  readonly changes: number
  /** What is left out, and why. */
  readonly left: readonly string[]
}

/** Makes a file or folder hold what another holds; what is the same already is only read. */
export async function mirror (from: string, to: string): Promise<Mirrored> {
  const { items, left } = await takeInventory(from)
  const there = await inventoryOf(to)
  let changes = 0
  for (const [name, item] of there.items) {
    if (items.get(name)?.kind === item.kind) continue
    changes++
    await rm(join(to, name), { recursive: true, force: true })
  }
  for (const [name, item] of items) {
    if (await isSame(join(to, name), item)) continue
    changes++
    await copy(item, join(to, name))
  }
  return { changes, left }
}

async function inventoryOf (path: string): Promise<Inventory> {
  try {
    return await takeInventory(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { items: new Map(), left: [] }
    throw error
  }
}

async function isSame (place: string, item: Item): Promise<boolean> {
  try {
    const stat = await lstat(place)
    if (item.kind === 'folder') return stat.isDirectory()
    if (item.kind === 'link') return stat.isSymbolicLink() && await readlink(place) === item.target
    return stat.isFile() && stat.size === (await lstat(item.path)).size && await digestOf(place) === await digestOf(item.path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

/** What is gone meanwhile is left to the next look. */
async function copy (item: Item, place: string): Promise<void> {
  if (item.kind === 'folder') {
    await mkdir(place, { recursive: true, mode: 0o700 })
    return
  }
  await mkdir(dirname(place), { recursive: true, mode: 0o700 })
  const part = temporaryName(place)
  try {
    if (item.kind === 'link') await symlink(item.target, part)
    else await copyFile(item.path, part)
    await rename(part, place)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  } finally {
    await rm(part, { force: true })
  }
}

async function copyFile (from: string, to: string): Promise<void> {
  const handle = await openFile(from)
  try {
    await pipeline(handle.createReadStream({ autoClose: false }), createWriteStream(to, { flags: 'wx', mode: 0o600 }))
  } finally {
    await handle.close()
  }
}
