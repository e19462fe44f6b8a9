import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip, gzipSync } from 'node:zlib'

const BLOCK = 512

/** A tar entry, byte for byte: tar programs make none of the hostile ones. */
export interface Entry {
  name: string | Buffer
  body?: string | Buffer
  /** Letter of the type; a file without it. */
  type?: string
  /** The field as it stands, where it is not the body's size in octal digits. */
  size?: string | Buffer
  prefix?: string
  link?: string
  /** Where it is not the header's own. */
  checksum?: number
}

export function entry ({ name, body = '', type = '0', size, prefix = '', link = '', checksum }: Entry): Buffer {
  const contents = Buffer.from(body as string)
  const header = Buffer.alloc(BLOCK)
  Buffer.from(name as string).copy(header, 0, 0, 100)
  header.write('0000644\0' + '0000000\0'.repeat(2), 100)
  Buffer.from(size as string ?? `${octal(contents.length, 11)}\0`).copy(header, 124, 0, 12)
  header.write('00000000000\0', 136)
  header.write(type, 156, 'latin1')
  header.write(link, 157, 100)
  header.write('ustar\x0000', 257)
  header.write(prefix, 345, 155)
  header.fill(' ', 148, 156)
  header.write(`${octal(checksum ?? header.reduce((sum, byte) => sum + byte, 0), 6)}\0 `, 148)
  return Buffer.concat([header, padded(contents)])
}

/** What PAX says of the next entry, or of all that follow. */
export function pax (records: Record<string, string>, type: 'x' | 'g' = 'x'): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.byteLength(` ${key}=${value}\n`)
    const length = rest + String(rest + String(rest).length).length
    return `${length} ${key}=${value}\n`
  })
  return entry({ name: 'PaxHeader', type, body: lines.join('') })
}

/** GNU's way to give the next entry a long name. */
export function longName (name: string): Buffer {
  return entry({ name: '././@LongLink', type: 'L', body: `${name}\0` })
}

/** Tar's end: two blocks of zeros. */
export const END = Buffer.alloc(2 * BLOCK)

/** An archive of these entries, with an end. */
export function tgz (...entries: Buffer[]): Buffer {
  return gzipSync(Buffer.concat([...entries, END]), { level: 1 })
}

/** The same block over and over, compressed a megabyte at a time: what comes out is small, what it stands for is not. */
export async function bomb (block: Buffer, megabytes: number, ...before: Buffer[]): Promise<Buffer> {
  const megabyte = Buffer.alloc(1024 * 1024, block)
  const gzip = createGzip({ level: 1 })
  const parts: Buffer[] = []
  const done = pipeline(Readable.from([...before, ...Array.from({ length: megabytes }, () => megabyte), END]), gzip)
  for await (const part of gzip) parts.push(part as Buffer)
  await done
  return Buffer.concat(parts)
}

function octal (value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

function padded (contents: Buffer): Buffer {
  return Buffer.concat([contents, Buffer.alloc((BLOCK - contents.length % BLOCK) % BLOCK)])
}
