import { HEADER_BYTES, type Frame, type Hello } from '../protocol.ts'

/**
 * What the host and a builder say to each other, in the frames of ../protocol.ts. A builder evaluates tenants' modules
 * to read their descriptors, so the host takes it to be as hostile as a cell. An unpacker speaks the same, and reads
 * tenants' archives.
 */
export const BUILDER_VERSION = 1

const MB = 1024 * 1024

/** From the host to a builder. */
export const ToBuilder = {
  /** id: the version. JSON: `Tools`; an unpacker's `UnpackerTools`. Once, first. */
  HELLO: 1,
  /** id: a task. Packed: `Job`, then the entry's contents. */
  BUILD: 2,
  /** id: a task. JSON: `CheckJob`. */
  CHECK: 3,
  /** id: the task of the ASK. Packed: `Reply`, then the contents of the file, if that was asked for. */
  REPLY: 4,
  /** id: a task, for an unpacker. Packed: `UnpackJob`, then the archive. */
  UNPACK: 5
} as const

/** From a builder to the host. */
export const FromBuilder = {
  /** id: the version. Once, first. */
  READY: 32,
  /** id: the task whose module, or whose schemas, are evaluated from now on: its fault, if nothing more is heard. */
  BEGUN: 33,
  /** id: a task, a BUILD. Packed: `Built`, then the script and its source map. */
  BUILT: 34,
  /** id: a task, a CHECK. The script of the checks. */
  CHECKED: 35,
  /** id: a task. JSON: `Failure`. */
  FAILED: 36,
  /** id: a task, a BUILD. JSON: `Ask`. */
  ASK: 37,
  /** id: a task, an UNPACK. Packed: `Unpacked`, then the files' contents. */
  UNPACKED: 38
} as const

/** Bytes that a payload may have, by type, in both directions; other types do not exist. */
export const payloadBytesMax: Readonly<Record<number, number>> = {
  [ToBuilder.HELLO]: 8 * MB,
  // A file is 8 MB at most.
  [ToBuilder.BUILD]: 10 * MB,
  [ToBuilder.CHECK]: 2 * MB,
  // 20,000 names of the longest kind, and what links among them lead to.
  [ToBuilder.REPLY]: 16 * MB,
  // An archive is 8 MB at most.
  [ToBuilder.UNPACK]: 9 * MB,
  [FromBuilder.READY]: 0,
  [FromBuilder.BEGUN]: 0,
  // A description (1 MB), and the largest script with its map.
  [FromBuilder.BUILT]: 36 * MB,
  [FromBuilder.CHECKED]: 16 * MB,
  [FromBuilder.FAILED]: 64 * 1024,
  [FromBuilder.ASK]: 8 * 1024,
  // 10 MB of contents, and 2,100 paths of 500 characters, of which JSON may need six for each.
  [FromBuilder.UNPACKED]: 20 * MB
}

/** What a builder works with. Scripts are ours; they run in the isolates that describe and check, as snapshots. */
export interface Tools {
  /** File URLs, without links: inside the wall there are none, and package managers make `node_modules` of them. */
  readonly esbuild: string
  readonly isolatedVm: string
  readonly describer: string
  /** The same, with all of TypeBox. */
  readonly fullDescriber: string
  readonly checker: string
  /** What a module finds in its isolate. */
  readonly prelude: Hello
  readonly packages: readonly HostPackage[]
  /** Names of the packages of `packages` that modules may import; the others are what those import. */
  readonly imports: Readonly<Record<string, number>>
}

export interface UnpackerTools {
  /** A file URL, without links. */
  readonly modernTar: string
}

/** A package of the host's that modules may have. */
export interface HostPackage {
  /** Where it is found: `<from>/node_modules/<name>`, which may be a link. */
  readonly folder: string
  readonly from: string
  /** The folder without links. */
  readonly real: string
  /** What it imports, by name, as indices of `Tools.packages`. */
  readonly dependencies: Readonly<Record<string, number>>
}

/** Paths are relative to the module's root, with `/`. */
export interface Job {
  readonly entry: string
  /** The module is one file: it may import nothing beside it. */
  readonly single: boolean
  readonly moduleBytes: number
  readonly memoryMb: number
}

/** For a folder's entries, or a file's contents. `number` tells the answers to one task's questions apart. */
export interface Ask {
  readonly number: number
  readonly what: 'list' | 'read'
  readonly path: string
}

export interface Reply {
  readonly number: number
  readonly listing?: Listing
  /** Why there is no answer, as the end of a sentence about the path. */
  readonly refused?: string
}

/** `text`: of what is refused, why; of others, where a link of that name leads in the end. */
export type Listing = ReadonlyArray<readonly [name: string, kind: 'file' | 'folder' | 'refused', text?: string]>

/** What may come out of an archive; hidden files do not count. */
export interface UnpackJob {
  readonly filesMax: number
  readonly bytesMax: number
}

export interface Unpacked {
  readonly files: ReadonlyArray<readonly [path: string, bytes: number]>
}

export interface CheckJob {
  readonly schemas: ReadonlyArray<{ readonly function: string, readonly args?: unknown, readonly returns?: unknown }>
  readonly memoryMb: number
}

export interface Built {
  /** What the describer wrote: JSON, of a tenant's making. */
  readonly description: string
  readonly codeBytes: number
  readonly mapBytes: number
}

export interface Failure {
  /** `module`: its author's fault, and the same at the next try. `system`: it may go well at the next try. */
  readonly fault: 'module' | 'system'
  readonly message: string
  /** Relative to the module's root; absent where it is the entry's, or nobody's. */
  readonly file?: string
  readonly line?: number
  /** A thrown error's, with the script's positions. */
  readonly stack?: string
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #parts: Buffer[] = []
  #held = 0
  #wanted = HEADER_BYTES

  /** @throws what is wrong with the frame: the stream is of no use from there on */
  read (chunk: Buffer, take: (frame: Frame) => void): void {
    this.#parts.push(chunk)
    this.#held += chunk.length
    // Joined once all is there, else a large frame in many small reads would be copied again at each.
    if (this.#held < this.#wanted) return
    let bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#held)
    this.#wanted = HEADER_BYTES
    while (bytes.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + lengthOf(bytes)
      this.#wanted = end
      if (bytes.length < end) break
      take({ type: bytes[4] as number, id: bytes.readUInt32LE(5), payload: bytes.subarray(HEADER_BYTES, end) })
      bytes = bytes.subarray(end)
      this.#wanted = HEADER_BYTES
    }
    this.#parts = bytes.length > 0 ? [bytes] : []
    this.#held = bytes.length
  }
}

function lengthOf (bytes: Buffer): number {
  const length = bytes.readUInt32LE(0)
  const most = payloadBytesMax[bytes[4] as number]
  if (most === undefined || length > most) throw new Error(`a frame of type ${bytes[4]} with ${length} bytes`)
  return length
}

/** Some JSON and the bytes that it speaks of, in one payload: a u32 length of the JSON, the JSON, then the bytes. */
export function pack (head: object, bodies: readonly Buffer[]): Buffer {
  const json = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  return Buffer.concat([length, json, ...bodies])
}

/** @throws where it is not so packed */
export function unpack (payload: Buffer, jsonBytesMax: number): { head: unknown, body: Buffer } {
  const length = payload.length < 4 ? Infinity : payload.readUInt32LE(0)
  if (length > Math.min(payload.length - 4, jsonBytesMax)) throw new Error('JSON of a wrong length')
  return { head: JSON.parse(payload.toString('utf8', 4, 4 + length)), body: payload.subarray(4 + length) }
}
