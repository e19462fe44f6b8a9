import { createHash } from 'node:crypto'
import { show } from '../show.ts'

/** A file of a module, as it is uploaded, kept and built. */
export interface SourceFile {
  /** Relative to the module's folder, with `/`, without a leading `./`. */
  readonly path: string
  readonly contents: Uint8Array
}

const MB = 1024 * 1024

/** Of what is uploaded, as an archive or as one source, before it is sealed: sources of 10 MB are far below it as an archive. */
export const ARCHIVE_BYTES_MAX = 8 * MB

/** Some dozens of vendored packages. More belong bundled. */
export const FILES_MAX = 2_000

/** Of all contents together; with the list of their paths they fit into the 12 MB that a store takes. */
export const FILES_BYTES_MAX = 10 * MB

/** In bytes, as file systems count (255 for a name, on Linux), though messages call them characters: for most names they are. */
const NAME_LENGTH_MAX = 100
const PATH_LENGTH_MAX = 250

/** As deep as the sandbox's builder follows. */
const DEPTH_MAX = 32

const INDEX = /^index\.(?:ts|mts|js|mjs)$/

/** What nobody sees in a name, or what says that it was no UTF-8: two such names may look, or be kept, as one. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\ufffd]/u

/** What is wrong with uploaded files, in words for who uploads them. */
export class FilesError extends Error {
  /** Fit to be shown; absent where no one file is to blame. */
  readonly file?: string

  constructor (message: string, path?: string) {
    const file = path === undefined ? undefined : printable(path)
    super(file === undefined ? message : `${file}: ${message}`)
    this.name = 'FilesError'
    if (file !== undefined) this.file = file
  }
}

/**
 * The same files in their one canonical form, however they were packed: without one folder around all of them, without
 * hidden files, sorted by path. Whatever a file system could take for another file, or for one elsewhere, is refused.
 *
 * @returns also the paths of hidden files, which were left out
 * @throws {FilesError}
 */
export function canonical (files: readonly SourceFile[]): { files: SourceFile[], ignored: string[] } {
  const found = files.map(({ path, contents }) => ({ path: path.replace(/^(?:\.\/)+/, ''), contents }))
  for (const { path } of found) assertInside(path)
  const seen = found.filter(({ path }) => !isHidden(path))
  const kept = withoutTopFolder(seen)
  const bytes = kept.reduce((sum, { contents }) => sum + contents.length, 0)
  if (kept.length > FILES_MAX) throw new FilesError(`expected at most ${FILES_MAX} files; found ${kept.length}; bundle what it imports`)
  if (bytes > FILES_BYTES_MAX) throw new FilesError(`expected at most ${FILES_BYTES_MAX} bytes in all files; found ${bytes}; leave out what is no source`)
  assertPlaces(kept.map(({ path }) => path))
  if (!kept.some(({ path }) => INDEX.test(path))) {
    const held = kept.length === 0 ? 'no file' : `${kept.slice(0, 5).map(({ path }) => printable(path)).join(', ')}${kept.length > 5 ? ', …' : ''}`
    throw new FilesError(`expected an index file (index.ts, .mts, .js or .mjs) in the module's folder; found ${held}`)
  }
  return { files: sorted(kept), ignored: found.filter(({ path }) => isHidden(path)).map(({ path }) => path) }
}

/** The name of these files, in their canonical form: the SHA-256 of what `sha256sum` prints of them, in this order. */
export function versionOf (files: readonly SourceFile[]): string {
  const whole = createHash('sha256')
  for (const { path, contents } of files) whole.update(`${createHash('sha256').update(contents).digest('hex')}  ${path}\n`)
  return whole.digest('hex')
}

/** Files in their canonical form as a store keeps them: a u32 length, JSON of `[path, bytes]` of each, then all contents. */
export function packFiles (files: readonly SourceFile[]): Buffer {
  const list = Buffer.from(JSON.stringify(files.map(({ path, contents }) => [path, contents.length])))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(list.length)
  return Buffer.concat([length, list, ...files.map(({ contents }) => contents)])
}

/**
 * What `packFiles` packed. They are on their way to a disk, so that a store is not believed either.
 *
 * @throws {FilesError} where they are not so packed, or not canonical
 */
export function unpackFiles (content: Uint8Array): SourceFile[] {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  const files: SourceFile[] = []
  let offset = bytes.length < 4 ? Infinity : 4 + bytes.readUInt32LE(0)
  for (const [path, length] of listOf(bytes.subarray(4, offset))) {
    files.push({ path, contents: bytes.subarray(offset, offset + length) })
    offset += length
  }
  const ordered = canonical(files).files
  if (offset !== bytes.length || ordered.length !== files.length || ordered.some(({ path }, i) => path !== files[i]!.path)) throw notPacked()
  return files
}

/** A module that is one source. */
export function singleFile (source: Uint8Array, isJavaScript: boolean): SourceFile[] {
  return [{ path: isJavaScript ? 'index.js' : 'index.ts', contents: source }]
}

function assertInside (path: string): void {
  const refuse = (found: string): never => { throw new FilesError(`expected a path inside the module's folder; found ${found}`, path) }
  if (path.startsWith('/')) refuse('an absolute one')
  if (path.includes('\\')) refuse('a backslash')
  if (UNSEEN.test(path)) refuse('invisible characters, or some that are not UTF-8')
  const wrong = path.split('/').find(name => name === '' || name === '.' || name === '..')
  if (wrong !== undefined) refuse(`${show(wrong)} as the name of a folder or file`)
}

function isHidden (path: string): boolean {
  return path.startsWith('.') || path.includes('/.')
}

/** Packers put the folder itself into an archive, under any name (npm: `package`). */
function withoutTopFolder (files: readonly SourceFile[]): readonly SourceFile[] {
  const top = files[0]?.path.slice(0, files[0].path.indexOf('/') + 1)
  if (top === undefined || top === '' || !files.every(({ path }) => path.startsWith(top))) return files
  return files.map(({ path, contents }) => ({ path: path.slice(top.length), contents }))
}

/** That each can be written, by its own name, on any file system. */
function assertPlaces (paths: readonly string[]): void {
  // By what the least discerning file system makes of a name.
  const taken = new Map<string, { name: string, isFile: boolean }>()
  for (const path of paths) {
    assertNames(path)
    const names = path.split('/')
    for (const depth of names.keys()) {
      const [name, isFile] = [names.slice(0, depth + 1).join('/'), depth === names.length - 1]
      const other = taken.get(fold(name))
      if (other === undefined) taken.set(fold(name), { name, isFile })
      else if (other.name !== name) throw new FilesError(`expected names that differ in more than case; found ${printable(other.name)} too; rename one`, name)
      else if (isFile && other.isFile) throw new FilesError('expected each file once; found it twice', name)
      else if (isFile || other.isFile) throw new FilesError('expected a file or a folder; found both of that name; rename one', name)
    }
  }
}

function assertNames (path: string): void {
  const names = path.split('/')
  if (path.normalize('NFC') !== path) throw new FilesError('expected a name in Unicode\'s form NFC; found another, as old macOS file systems have; rename it', path)
  if (names.length > DEPTH_MAX) throw new FilesError(`expected folders at most ${DEPTH_MAX} deep; found ${names.length}`, path)
  if (Buffer.byteLength(path) > PATH_LENGTH_MAX) throw new FilesError(`expected a path of at most ${PATH_LENGTH_MAX} characters; found ${Buffer.byteLength(path)}`, path)
  const long = names.find(name => Buffer.byteLength(name) > NAME_LENGTH_MAX)
  if (long !== undefined) throw new FilesError(`expected names of at most ${NAME_LENGTH_MAX} characters; found one of ${Buffer.byteLength(long)}`, path)
  if (/\.node$/i.test(path)) throw new FilesError('expected sources; found a native addon, which no version is made of; leave it out', path)
}

/** Lower case alone leaves some twins apart: `ß` and `SS`, `ſ` and `s`. */
function fold (name: string): string {
  return name.toUpperCase().toLowerCase().normalize('NFC')
}

/** By bytes, as `LC_ALL=C sort`. */
function sorted (files: readonly SourceFile[]): SourceFile[] {
  return files.map(file => ({ file, key: Buffer.from(file.path) })).sort((one, other) => Buffer.compare(one.key, other.key)).map(({ file }) => file)
}

function listOf (json: Buffer): Array<[path: string, length: number]> {
  let list: unknown
  try {
    list = JSON.parse(json.toString())
  } catch {
    throw notPacked()
  }
  const isEntry = (entry: unknown): entry is [string, number] => Array.isArray(entry) && entry.length === 2 &&
    typeof entry[0] === 'string' && Number.isSafeInteger(entry[1]) && entry[1] >= 0
  if (!Array.isArray(list) || !list.every(isEntry)) throw notPacked()
  return list
}

function notPacked (): FilesError {
  return new FilesError('the files of this version are not as they were packed; upload it again')
}

/** A path as messages name it: an attacker chose it, and terminals obey some characters. */
function printable (path: string): string {
  return path.slice(0, 200).replace(new RegExp(UNSEEN, 'gu'), character => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}
