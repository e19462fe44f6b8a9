import type { ParsedTarEntry, TarHeader } from 'modern-tar'
import { HeaderGuard } from './archive-headers.ts'
import { JobFailure } from './failure.ts'
import type { UnpackJob } from './protocol.ts'

export type Tar = Pick<typeof import('modern-tar'), 'createTarDecoder'>

export interface UnpackedFile {
  readonly path: string
  readonly contents: Buffer
}

/** Longer ones are refused here, so that a list of them fits into a frame; how long a path may be, the host says. */
const NAME_LENGTH_MAX = 500

/** Hidden files are left out; the author is told of so many. */
const HIDDEN_MAX = 100

const kinds: Readonly<Record<string, string>> = {
  link: 'a hard link', symlink: 'a symbolic link', 'character-device': 'a device', 'block-device': 'a device', fifo: 'a FIFO (named pipe)'
}

/**
 * The files of a .tgz, which is read as a stream: what is too large, too many or no file ends it there. Paths are as they
 * are found: the host judges them. Hidden files come without their contents.
 *
 * @throws {JobFailure}
 */
export async function readArchive (bytes: Buffer, { createTarDecoder }: Tar, job: UnpackJob): Promise<UnpackedFile[]> {
  const files = new Files(job)
  try {
    const entries = new Blob([bytes as Buffer<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('gzip'))
      .pipeThrough(guarded()).pipeThrough(createTarDecoder({ strict: true }))
    for await (const entry of entries) await files.add(entry)
  } catch (error) {
    if (error instanceof JobFailure) throw error
    const { message, cause } = error as Error
    // zlib's own words are a cause.
    throw new JobFailure({ message: `expected a .tgz archive: a tar file, compressed by gzip; found one that is damaged: ${message || (cause as Error | undefined)?.message}` })
  }
  return files.taken
}

/** Passes bytes on once their headers were looked at. */
function guarded (): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  const guard = new HeaderGuard()
  return new TransformStream({
    transform (chunk, controller) {
      guard.look(chunk)
      controller.enqueue(chunk)
    }
  })
}

class Files {
  readonly taken: UnpackedFile[] = []
  readonly #job: UnpackJob
  #files = 0
  #bytes = 0
  #hidden = 0

  constructor (job: UnpackJob) {
    this.#job = job
  }

  async add ({ header, body }: ParsedTarEntry): Promise<void> {
    assertFile(header)
    const isWanted = header.type === 'file' && !isHidden(header.name)
    if (isWanted) this.#count(header)
    const parts: Uint8Array[] = []
    // Read also where it is not wanted: to cancel a body whose end is there already would cancel the next one instead.
    for await (const part of body) if (isWanted) parts.push(part)
    if (isWanted || (header.type === 'file' && ++this.#hidden <= HIDDEN_MAX)) this.taken.push({ path: header.name, contents: Buffer.concat(parts) })
  }

  #count (header: TarHeader): void {
    const { filesMax, bytesMax } = this.#job
    this.#bytes += header.size
    if (++this.#files > filesMax) throw refusal(header, `expected at most ${filesMax} files; found one too many; bundle what it imports`)
    if (this.#bytes > bytesMax) throw refusal(header, `expected at most ${bytesMax} bytes in all files; found more; leave out what is no source`)
  }
}

function assertFile (header: TarHeader): void {
  const kind = kinds[header.type ?? 'file']
  if (kind !== undefined) throw refusal(header, `expected only files and folders in an archive; found ${kind}; leave it out, or put a file in its place`)
  if (header.name.length > NAME_LENGTH_MAX) throw refusal(header, `expected a path of less than ${NAME_LENGTH_MAX} characters; found ${header.name.length}`)
}

function isHidden (name: string): boolean {
  // A `.` or `..` is not a name; what it leads to is the host's to refuse.
  return name.split('/').some(step => step.startsWith('.') && step !== '.' && step !== '..')
}

function refusal ({ name }: TarHeader, message: string): JobFailure {
  return new JobFailure({ message, file: name.slice(0, NAME_LENGTH_MAX) })
}
