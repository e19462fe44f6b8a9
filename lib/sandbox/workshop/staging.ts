import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, realpathSync, type Dirent } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Listing } from '../builder/protocol.ts'
import { ModuleError } from '../../source/problem.ts'

const MB = 1024 * 1024

/** The largest scripts are 16 MB (limit moduleBytes), and no sane source is larger than its script by much. */
const TOTAL_BYTES_MAX = 16 * MB
const FILE_BYTES_MAX = 8 * MB

/** Files of source: some dozens of vendored packages. More belong bundled, and would hold up each reload for long. */
const FILES_MAX = 5_000

/** All that is listed, of which most may be no source: as above. */
const ENTRIES_MAX = 20_000

/** Each costs the app's process a look at where it leads. pnpm makes one for each package and dependency. */
const LINKS_MAX = 2_000

/** Of folders: deeper ones are made by loops, or by those who look for one. */
const DEPTH_MAX = 32

/** What a module was made of: digests of what was read and listed, by path. As long as they are the same, so is the module. */
export interface Trace {
  readonly read: Readonly<Record<string, string>>
  readonly listed: Readonly<Record<string, string>>
}

/** What may be had, and is not: said to the module's author. */
export class Refusal extends Error {}

/**
 * Gives out the files that a module may be made of, for one build. Nothing is opened through a link, nor is anything but
 * a regular file, and what was opened is shown by the system to lie inside the root. Paths are relative to the root.
 */
export class Shelf {
  /** The entry's path. */
  readonly entry: string
  /** The module is one file, with nothing beside it. */
  readonly single: boolean
  readonly #folder: string
  /** The folder without links: what everything must lie in. */
  readonly #real: string
  readonly #read = new Map<string, string>()
  readonly #listed = new Map<string, string>()
  #entries = 0
  #links = 0
  #bytes = 0

  /** @throws {ModuleError} */
  constructor (entry: string, root: string) {
    this.single = entry === root
    this.#folder = this.single ? dirname(entry) : root
    this.entry = relative(this.#folder, entry)
    try {
      this.#real = realpathSync(this.#folder)
    } catch (error) {
      throw new ModuleError('FMS_ERR_MODULE', entry, `cannot read its folder: ${(error as Error).message}`, { cause: error, inputs: [entry] })
    }
  }

  /** Absolute paths of all that was asked for, found or not. */
  get inputs (): string[] {
    return [...this.#read.keys(), ...this.#listed.keys()].map(path => join(this.#folder, path))
  }

  get trace (): Trace {
    return { read: Object.fromEntries(this.#read), listed: Object.fromEntries(this.#listed) }
  }

  /** Where a path is, as the catalog knows it. */
  locate (path: string): string {
    return join(this.#folder, path)
  }

  has (path: string): boolean {
    return this.#read.has(path)
  }

  /** Whether what was asked for by then is as it was; asks for all of it. */
  async matches ({ read, listed }: Trace): Promise<boolean> {
    try {
      for (const [path, digest] of Object.entries(read)) {
        if (!this.#read.has(path)) {
          this.read(path)
          // Each is read at once, which is several times faster for small files; in between, others get their turn.
          await turn()
        }
        if (this.#read.get(path) !== digest) return false
      }
      for (const [path, digest] of Object.entries(listed)) {
        this.list(path)
        if (this.#listed.get(path) !== digest) return false
        await turn()
      }
      return true
    } catch {
      return false
    }
  }

  /** @throws {Refusal} */
  read (path: string): Buffer {
    this.#check(path)
    if (this.single && path !== this.entry) throw new Refusal('is not beside it: a module of one file has only itself')
    if (this.#read.size >= FILES_MAX) throw new Refusal(`is one too many: expected at most ${FILES_MAX} files; bundle what it imports`)
    // Before anything can go wrong: a change of it may mend that.
    this.#read.set(path, '')
    const contents = this.#open(this.#resolve(path), path)
    this.#read.set(path, digest(contents))
    return contents
  }

  /** A folder's entries; empty where there is no such folder. @throws {Refusal} */
  list (path: string): Listing {
    if (path !== '') this.#check(path)
    if (this.single) return []
    this.#listed.set(path, '')
    const listing: Array<Listing[number]> = []
    for (const found of this.#entriesOf(path)) {
      if (++this.#entries > ENTRIES_MAX) throw new Refusal(`has too many files about it: expected at most ${ENTRIES_MAX}; bundle what it imports`)
      // eslint-disable-next-line no-control-regex
      if (isHidden(found.name, path) || /[\u0000-\u001f\u007f\\]/.test(found.name)) continue
      listing.push(this.#entry(path === '' ? found.name : `${path}/${found.name}`, found))
    }
    listing.sort(([one], [other]) => one < other ? -1 : 1)
    this.#listed.set(path, digest(JSON.stringify(listing)))
    return listing
  }

  /** It is a builder that asks, on behalf of who knows whom. */
  #check (path: string): void {
    const steps = path.split('/')
    // eslint-disable-next-line no-control-regex
    if (steps.some(step => step === '' || step === '.' || step === '..') || /[\u0000-\u001f\u007f\\]/.test(path)) {
      throw new Refusal('is no path inside the module\'s folder')
    }
    if (steps.length > DEPTH_MAX) throw new Refusal(`is too deep: expected folders at most ${DEPTH_MAX} deep`)
  }

  #entriesOf (path: string): Dirent[] {
    try {
      return readdirSync(this.#resolve(path), { withFileTypes: true })
    } catch {
      return []
    }
  }

  #entry (path: string, found: Dirent): Listing[number] {
    if (found.isDirectory()) return [found.name, 'folder']
    if (found.isFile()) return [found.name, 'file']
    if (!found.isSymbolicLink()) return [found.name, 'refused', 'is not a regular file']
    if (++this.#links > LINKS_MAX) return [found.name, 'refused', `is one link too many: expected at most ${LINKS_MAX}`]
    const link = join(this.#real, path)
    try {
      const real = realpathSync(link)
      if (!this.#holds(real)) return [found.name, 'refused', `is a link that leads outside of the module's folder: ${linkText(link)}`]
      return [found.name, lstatSync(real).isDirectory() ? 'folder' : 'file', relative(this.#real, real)]
    } catch {
      return [found.name, 'refused', `is a link that leads nowhere: ${linkText(link)}`]
    }
  }

  #holds (real: string): boolean {
    return real === this.#real || real.startsWith(this.#real + sep)
  }

  /** Through links: mounted volumes are made of them. */
  #resolve (path: string): string {
    const link = join(this.#real, path)
    let real: string
    try {
      real = realpathSync(link)
    } catch (error) {
      throw new Refusal(`cannot be read: ${codeOf(error)}`)
    }
    if (!this.#holds(real)) throw new Refusal(`is a link that leads outside of its directory: ${linkText(link)}`)
    return real
  }

  /** @param file with no link in it */
  #open (file: string, path: string): Buffer {
    let descriptor: number
    try {
      descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (error) {
      throw new Refusal(`cannot be read: ${codeOf(error)}`)
    }
    try {
      const { size, ino } = assertFile(descriptor)
      if (whereIs(descriptor, file, ino) !== file) throw new Refusal('changed while it was read')
      if (size > FILE_BYTES_MAX) throw new Refusal(`is too large: expected files of at most ${FILE_BYTES_MAX} bytes; found ${size}`)
      this.#bytes += size
      if (this.#bytes > TOTAL_BYTES_MAX) throw new Refusal(`makes it too large: expected at most ${TOTAL_BYTES_MAX} bytes of source; found more at ${path}`)
      return readAll(descriptor, size)
    } finally {
      closeSync(descriptor)
    }
  }
}

function assertFile (descriptor: number): { size: number, ino: number } {
  const stat = fstatSync(descriptor)
  if (!stat.isFile()) throw new Refusal('is not a regular file')
  return stat
}

function readAll (descriptor: number, size: number): Buffer {
  const contents = Buffer.allocUnsafe(size)
  let length = 0
  while (length < size) {
    const bytes = readSync(descriptor, contents, length, size - length, null)
    if (bytes === 0) break
    length += bytes
  }
  return contents.subarray(0, length)
}

/** The real path of an open file: a folder on the way to it may have become a link in between. */
function whereIs (descriptor: number, file: string, inode: number): string {
  if (process.platform === 'linux') return readlinkSync(`/proc/self/fd/${descriptor}`)
  const real = realpathSync(file)
  return lstatSync(real).ino === inode ? real : ''
}

/** Dotfiles are no sources; but pnpm keeps packages under such a name, each beside links to what it imports. */
function isHidden (name: string, folder: string): boolean {
  return name.startsWith('.') && !(name === '.pnpm' && basename(folder) === 'node_modules')
}

function linkText (link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return 'by a folder on the way to it'
  }
}

function codeOf (error: unknown): string {
  return String((error as NodeJS.ErrnoException).code)
}

function digest (contents: Buffer | string): string {
  return createHash('sha256').update(contents).digest('base64url')
}
