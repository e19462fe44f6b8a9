import { JobFailure } from './failure.ts'

const BLOCK_BYTES = 512

/** Of all that comes out of gzip: an archive's files, with a header or two of each, and hidden ones that are left out. */
const STREAM_BYTES_MAX = 32 * 1024 * 1024

/** Headers: of 2,000 files, of their folders, and of what macOS adds to each. */
const HEADERS_MAX = 20_000

/** What a header may say of the next entry: a long name, some attributes. It is parsed in one piece. */
const META_BYTES_MAX = 16 * 1024

/** Names of attributes have 255 characters at most; the longest prefix of them is `LIBARCHIVE.xattr.`. */
const KEY_LENGTH_MAX = 300

/** Types of entries by their letter: what speaks of the next entry, or of all that follow, in PAX's and in GNU's way. */
const PAX = new Set(['x', 'g'])
const GNU = new Set(['L', 'K'])
/** Their size counts for nothing. */
const WITHOUT_BODY = new Set(['1', '2', '3', '4', '5', '6'])
const FILE = new Set(['0', '\0'])

/**
 * Looks at the headers of a tar file before its parser does, which takes what it does not know for files, and reads
 * attributes of any number, and records of them that overlap.
 */
export class HeaderGuard {
  readonly #header = Buffer.alloc(BLOCK_BYTES)
  /** What is read as a whole: a header, or the records of a PAX header. */
  #held: Buffer = this.#header
  #filled = 0
  /** Behind records. */
  #padding = 0
  /** Bytes until the next header. */
  #skip = 0
  #headers = 0
  #bytes = 0

  /** @throws {JobFailure} */
  look (chunk: Uint8Array): void {
    this.#bytes += chunk.length
    if (this.#bytes > STREAM_BYTES_MAX) throw new JobFailure({ message: `expected an archive of at most ${STREAM_BYTES_MAX} bytes, unpacked; found more; leave out what is no source` })
    for (let offset = 0; offset < chunk.length;) {
      const taken = Math.min(this.#skip > 0 ? this.#skip : this.#held.length - this.#filled, chunk.length - offset)
      if (this.#skip > 0) this.#skip -= taken
      else this.#fill(chunk.subarray(offset, offset + taken))
      offset += taken
    }
  }

  #fill (bytes: Uint8Array): void {
    this.#held.set(bytes, this.#filled)
    this.#filled += bytes.length
    const held = this.#held
    if (this.#filled < held.length) return
    this.#held = this.#header
    this.#filled = 0
    if (held === this.#header) this.#judge(held)
    else {
      this.#skip = this.#padding
      assertRecords(held, this.#header)
    }
  }

  #judge (header: Buffer): void {
    // Nothing but zeros: the end, or what its parser refuses.
    if (header[0] === 0 && header.every(byte => byte === 0)) return
    if (++this.#headers > HEADERS_MAX) throw new JobFailure({ message: `expected at most ${HEADERS_MAX} entries in an archive; found more; leave out what is no source` })
    const type = String.fromCharCode(header[156] as number)
    if (WITHOUT_BODY.has(type)) return
    const size = sizeOf(header)
    const isMeta = PAX.has(type) || GNU.has(type)
    if (!isMeta && !FILE.has(type)) {
      throw refusal(header, `expected only files and folders in an archive; found an entry of type ${JSON.stringify(type)}; pack it with tar -czf`)
    }
    if (isMeta && size > META_BYTES_MAX) throw refusal(header, `expected attributes of at most ${META_BYTES_MAX} bytes; found ${size}; pack without extended attributes`)
    const padding = -size & (BLOCK_BYTES - 1)
    if (PAX.has(type) && size > 0) {
      this.#held = Buffer.alloc(size)
      this.#padding = padding
    } else this.#skip = size + padding
  }
}

/** Octal digits, as in all files of less than 8 GB; its parser reads the same. */
function sizeOf (header: Buffer): number {
  const digits = header.toString('latin1', 124, 136).split('\0')[0]!.replaceAll(' ', '')
  if (!/^[0-7]*$/.test(digits)) throw refusal(header, 'expected a size in octal digits; found another number, or none; pack it anew with tar -czf')
  return Number.parseInt(digits || '0', 8)
}

/** Records are `<length> <key>=<value>\n`, one after the other. */
function assertRecords (records: Buffer, header: Buffer): void {
  const text = records.toString('latin1')
  for (let offset = 0; offset < text.length;) {
    // Of keys, the first character counts: its parser takes a byte order mark in front of them for nothing.
    const [, digits, key] = /^([1-9]\d{0,4}) ([!-<>-~][^=]*)=/.exec(text.slice(offset, offset + KEY_LENGTH_MAX)) ?? []
    offset += Number(digits)
    if (key === undefined || text[offset - 1] !== '\n') throw refusal(header, 'expected attributes by the rules of PAX; found others; pack it with tar -czf')
    // A size in here would count instead of the header's own; what is sparse is not the file that it will be.
    if (key === 'size' || key.startsWith('GNU.sparse.')) throw refusal(header, `expected a plain file; found a record "${key}" about it; pack it with tar -czf, without --sparse`)
  }
}

/** By the name in the header, of which long ones are cut off. */
function refusal (header: Buffer, message: string): JobFailure {
  return new JobFailure({ message, file: header.toString('utf8', 0, 100).split('\0')[0] || 'an entry without a name' })
}
