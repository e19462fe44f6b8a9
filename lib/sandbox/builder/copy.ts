import { mkdirSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { JobFailure } from './failure.ts'
import type { Listing } from './protocol.ts'

/** What the host tells of the module's files. */
export interface Files {
  list (path: string): Promise<Listing>
  /** @throws why not, as the end of a sentence about the path */
  read (path: string): Promise<Buffer>
}

/**
 * The module's folder as esbuild sees it: names and package.json files, of the folders that it has reason to look into. All
 * other files are empty, as their contents are asked for when they are loaded. Links are what they lead to: which they are,
 * is known here, as Node's permission model lets nobody make any.
 */
export class Copy {
  readonly root: string
  /** The module's own file, which needs no place in a listing. */
  readonly entry: string
  /** What is there but may not be had, and why. */
  readonly refused = new Map<string, string>()
  readonly #files: Files
  readonly #listed = new Map<string, Promise<Entries>>()

  constructor (root: string, entry: string, files: Files) {
    this.root = root
    this.entry = entry
    this.#files = files
    mkdirSync(root)
  }

  /** Relative to the root; undefined for what lies outside of it. */
  pathOf (file: string): string | undefined {
    return file === this.root ? '' : file.startsWith(this.root + sep) ? file.slice(this.root.length + 1) : undefined
  }

  /** Before esbuild looks for a file: it looks into the folder, and where the name is a folder's, into that. */
  async reach (path: string): Promise<void> {
    let folder = ''
    for (const step of stepsOf(path)) {
      if ((await this.#list(folder)).get(step)?.[1] !== 'folder') return
      folder = join(folder, step)
    }
    await this.#list(folder)
  }

  /** Before esbuild looks for a package: in the node_modules of every folder above. Packages are made known as a whole. */
  async reachPackage (name: string, from: string): Promise<void> {
    for (const folder of upFrom(from)) {
      await this.reach(folder)
      if (!(await this.#list(folder)).has('node_modules')) continue
      const path = join(folder, 'node_modules', name)
      await this.reach(path)
      await this.#reachAll(path)
    }
  }

  /** All that a folder's own package.json may lead to. */
  async reachOwn (from: string): Promise<void> {
    for (const folder of upFrom(from)) {
      await this.reach(folder)
      if ((await this.#list(folder)).has('package.json')) return await this.#reachAll(folder)
    }
  }

  /**
   * What a file is called from here on: the path that it has without links, as in Node: one file is one module. Relative to
   * the root; of a file outside of it, as it is.
   */
  async nameOf (file: string): Promise<string> {
    const path = this.pathOf(file)
    if (path === undefined) return file
    let real = ''
    for (const step of stepsOf(path)) {
      const [, kind, target] = (await this.#list(real)).get(step) ?? []
      // Targets have no links in them.
      real = kind === 'refused' || target === undefined ? join(real, step) : target
    }
    return real
  }

  async read (path: string): Promise<string> {
    return (await this.#files.read(path)).toString()
  }

  async #reachAll (folder: string): Promise<void> {
    for (const [name, kind, target] of (await this.#list(folder)).values()) {
      // Links may lead in circles; what is imported by way of them is reached by its own name.
      if (kind === 'folder' && target === undefined && name !== 'node_modules') await this.#reachAll(join(folder, name))
    }
  }

  async #list (folder: string): Promise<Entries> {
    let listed = this.#listed.get(folder)
    if (listed === undefined) this.#listed.set(folder, listed = this.#make(folder))
    return await listed
  }

  async #make (folder: string): Promise<Entries> {
    const listing = await this.#files.list(folder)
    const names = new Map<string, string>()
    mkdirSync(join(this.root, folder), { recursive: true })
    for (const [name, kind, text] of listing) {
      const path = join(folder, name)
      const twin = names.get(fold(name))
      // Which of the two an import means depends on the system.
      if (twin !== undefined) throw new JobFailure({ message: `expected names that differ in more than case; found ${twin} and ${name} in ${folder || 'its folder'}` })
      names.set(fold(name), name)
      if (kind === 'refused') this.refused.set(path, text as string)
      else if (kind === 'folder') mkdirSync(join(this.root, path), { recursive: true })
      else writeFileSync(join(this.root, path), name === 'package.json' ? await this.#files.read(path) : '')
    }
    return new Map(listing.map(entry => [entry[0], entry]))
  }
}

type Entries = ReadonlyMap<string, Listing[number]>

function stepsOf (path: string): string[] {
  return path === '' ? [] : path.split('/')
}

/** A folder and all above it. */
function upFrom (path: string): string[] {
  const steps = stepsOf(path)
  return [...steps.keys(), steps.length].map(depth => steps.slice(0, depth).join('/')).reverse()
}

function fold (name: string): string {
  return name.normalize('NFC').toLowerCase()
}
