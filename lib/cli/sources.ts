import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { canonical, FILES_BYTES_MAX, FILES_MAX, FilesError, singleFile, type SourceFile, versionOf } from '../source/files.ts'
import { CommandError, EXIT } from './command.ts'

/** A module as it lies on disk, and as it will be named. */
export interface Sources {
  /** Of its file or folder. */
  readonly name: string
  readonly version: string
  /** But for hidden ones. */
  readonly files: readonly SourceFile[]
  readonly bytes: number
  /** Where it is one source: its language. */
  readonly source?: 'javascript' | 'typescript'
}

const ONE_SOURCE = /\.([mc]?)(ts|js)$/

/**
 * Reads a module: one file, or a folder.
 *
 * @throws {CommandError} which names the file that is none of a module's, or cannot be read
 */
export async function readSources (path: string, signal: AbortSignal): Promise<Sources> {
  const found = await stat(path).catch((error: unknown) => { throw unreadable(path, error) })
  const name = basename(path)
  try {
    if (found.isDirectory()) {
      const { files } = canonical(await filesIn(path, signal))
      return { name, version: versionOf(files), files, bytes: sumOf(files) }
    }
    const [end = '', odd, language] = ONE_SOURCE.exec(name) ?? []
    if (!found.isFile() || language === undefined || odd === 'c') throw new FilesError('expected a folder, or a file .ts, .mts, .js or .mjs; found another', name)
    const source = language === 'js' ? 'javascript' : 'typescript'
    const { files } = canonical(singleFile(await contentsOf(path, found.size), language === 'js'))
    return { name: name.slice(0, -end.length), version: versionOf(files), files, bytes: sumOf(files), source }
  } catch (error) {
    throw error instanceof FilesError ? new CommandError(error.message, EXIT.broken) : error
  }
}

/** Nothing is opened but files: a pipe would never end. What is too much is refused before it is read. */
async function filesIn (folder: string, signal: AbortSignal): Promise<SourceFile[]> {
  const files: SourceFile[] = []
  let bytes = 0
  const walk = async (inner: string): Promise<void> => {
    const place = join(folder, inner)
    for (const entry of await readdir(place, { withFileTypes: true }).catch((error: unknown) => { throw unreadable(place, error) })) {
      signal.throwIfAborted()
      // Hidden ones are no part of a module. They may be many, as `.git` is.
      if (entry.name.startsWith('.')) continue
      const path = inner === '' ? entry.name : `${inner}/${entry.name}`
      if (entry.isDirectory()) {
        await walk(path)
      } else if (entry.isFile()) {
        const { size } = await stat(join(folder, path)).catch((error: unknown) => { throw unreadable(join(folder, path), error) })
        bytes += size
        if (files.length >= FILES_MAX || bytes > FILES_BYTES_MAX) {
          throw new FilesError(`expected at most ${FILES_MAX} files of ${FILES_BYTES_MAX} bytes together; found more at ${path}; leave out what is no source, or bundle it`)
        }
        files.push({ path, contents: await contentsOf(join(folder, path), size) })
      } else {
        throw new FilesError(`expected files and folders; found ${entry.isSymbolicLink() ? 'a link' : 'something else'}; put what it stands for in its place`, path)
      }
    }
  }
  await walk('')
  return files
}

async function contentsOf (path: string, size: number): Promise<Uint8Array> {
  if (size > FILES_BYTES_MAX) throw new FilesError(`expected at most ${FILES_BYTES_MAX} bytes; found ${size}`, basename(path))
  return await readFile(path).catch((error: unknown) => { throw unreadable(path, error) })
}

function unreadable (path: string, error: unknown): CommandError {
  const { code = '' } = error as NodeJS.ErrnoException
  const reasons: Readonly<Record<string, string>> = { ENOENT: 'there is none', EACCES: 'you may not read it: look at its rights, and those of its folders' }
  return new CommandError(`${path}: expected a module's file or folder; ${reasons[code] ?? `it cannot be read (${code})`}`, EXIT.usage)
}

function sumOf (files: readonly SourceFile[]): number {
  return files.reduce((sum, { contents }) => sum + contents.length, 0)
}
