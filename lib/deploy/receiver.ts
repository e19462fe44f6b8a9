import { isUtf8 } from 'node:buffer'
import { assert, fail } from '../endpoint.ts'
import { show } from '../show.ts'
import { ARCHIVE_BYTES_MAX, canonical, FilesError, singleFile, type SourceFile } from '../source/files.ts'
import type { Seals } from './seals.ts'

/** What came with a request. */
export interface Parcel {
  readonly owner: string
  readonly module: string
  /** Bytes, if it is right. */
  readonly body: unknown
  /** Its content type. */
  readonly type: string
}

export interface ReceiverOptions {
  readonly seals: Pick<Seals, 'open'>
  /** Where archives are read: in another process. */
  readonly unpacker: { unpack (archive: { owner: string, bytes: Uint8Array }): Promise<SourceFile[]> }
  /** Whether an owner's code runs in this process. */
  readonly isTrusted: (owner: string) => boolean
  readonly sealedOnly: boolean
}

const SEALED = 'application/jose'
const ARCHIVE = 'application/gzip'
const JAVASCRIPT: ReadonlySet<string> = new Set(['text/javascript', 'application/javascript'])
/** What may be sealed. */
const contents: ReadonlySet<string> = new Set([ARCHIVE, 'text/javascript', 'text/typescript'])

/** Makes files of what was uploaded, in their canonical form. */
export class Receiver {
  readonly #options: ReceiverOptions

  constructor (options: ReceiverOptions) {
    this.#options = options
  }

  /** @throws {FilesError}, an error of 400 or 413, and what the seals and the unpacker say */
  async receive (parcel: Parcel): Promise<ReturnType<typeof canonical>> {
    const { bytes, type } = await this.#open(parcel)
    if (bytes.length > ARCHIVE_BYTES_MAX) fail(413, `body: expected at most ${ARCHIVE_BYTES_MAX} bytes, before it is sealed; found ${bytes.length}`)
    if (type === ARCHIVE) return canonical(await this.#options.unpacker.unpack({ owner: parcel.owner, bytes }))
    const files = singleFile(bytes, JAVASCRIPT.has(type))
    if (!isUtf8(bytes)) throw new FilesError('expected source text in UTF-8, or a .tgz; found other bytes', files[0]!.path)
    return canonical(files)
  }

  async #open ({ owner, module, body, type: given }: Parcel): Promise<{ bytes: Uint8Array, type: string }> {
    const { seals, isTrusted, sealedOnly } = this.#options
    const type = given.split(';', 1)[0]!.trim().toLowerCase()
    if (!(body instanceof Uint8Array) || body.length === 0) fail(400, 'body: expected a source file, a folder as .tgz, or either sealed; found nothing')
    assert(!type.startsWith('multipart/'), 400, 'body: expected the file itself (curl --data-binary @file); found a form')
    if (type === SEALED) {
      const { content, type: sealedType = '' } = await seals.open(Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1'), { owner, module })
      assert(contents.has(sealedType), 400, `body: expected a seal with cty ${[...contents].join(' or ')}; found ${show(sealedType)}`)
      return { bytes: content, type: sealedType }
    }
    assert(!isTrusted(owner), 400,
      `body: expected a module that is sealed with an admin's key for management (content type ${SEALED}), since it runs unconfined; found one that is not`)
    assert(!sealedOnly, 400,
      `body: expected a module that is sealed with a key for management (content type ${SEALED}), since UPLOADS is "sealed"; found one that is not`)
    // By its first bytes: clients send any type with a file.
    return { bytes: body, type: body[0] === 0x1f && body[1] === 0x8b ? ARCHIVE : type }
  }
}
