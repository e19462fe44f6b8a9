import { Type } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { ARCHIVE_BYTES_MAX, FILES_BYTES_MAX, FILES_MAX, FilesError, type SourceFile } from '../../source/files.ts'
import { ModuleError } from '../../source/problem.ts'
import { failureSchema } from './answer.ts'
import { BuilderProcess } from './builder-process.ts'
import { unpacker } from './builder-program.ts'
import { plain } from './description.ts'
import { FromBuilder, pack, ToBuilder, unpack, type UnpackJob } from '../builder/protocol.ts'
import { Lanes, NoBuilder } from './lanes.ts'
import type { Wall } from '../layers.ts'
import { Permits } from './permits.ts'
import type { Frame } from '../protocol.ts'

/** Archives that are in memory a second time, on their way to a process: as many as those take. */
const AT_ONCE = 4

/** 2,100 paths of 500 characters, of which JSON may need six for each. */
const LIST_BYTES_MAX = 8 * 1024 * 1024

const unpackedSchema = Type.Object({ files: Type.Array(Type.Tuple([Type.String(), Type.Integer({ minimum: 0 })])) })

/**
 * Unpacks archives in processes of their own, which stay for a while. Not in builders: those evaluate tenants' modules,
 * and through here go trusted ones, too.
 */
export class Unpacker {
  readonly #lanes: Lanes
  readonly #permits = new Permits(AT_ONCE)
  readonly #open: () => Promise<Wall>
  #wall: Promise<Wall> | undefined

  /** @param open asked for the wall before the first archive */
  constructor (open: () => Promise<Wall>) {
    this.#open = open
    this.#lanes = new Lanes(async humble => await BuilderProcess.start(await (this.#wall ??= this.#openWall()), unpacker(), humble))
  }

  /**
   * The files of a .tgz, as they are found in it: neither their paths nor their number are checked, and hidden ones are empty.
   *
   * @param archive.owner whose it is: those of different owners share no process
   * @throws {FilesError} for what is wrong with the archive
   * @throws `ModuleError` with `FMS_ERR_UNAVAILABLE`, where the next try may go better
   */
  async unpack ({ owner, bytes }: { owner: string, bytes: Uint8Array }): Promise<SourceFile[]> {
    if (bytes.length > ARCHIVE_BYTES_MAX) throw new FilesError(`expected an archive of at most ${ARCHIVE_BYTES_MAX} bytes; found ${bytes.length}`)
    const job: UnpackJob = { filesMax: FILES_MAX, bytesMax: FILES_BYTES_MAX }
    try {
      return await this.#permits.run(async () => {
        const payload = pack(job, [Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)])
        return read(await this.#lanes.run(owner, { type: ToBuilder.UNPACK, payload }))
      })
    } catch (error) {
      const { message } = error as Error
      if (error instanceof FilesError || error instanceof ModuleError) throw error
      if (error instanceof NoBuilder) throw unavailable(message)
      throw new FilesError(`expected an archive that can be unpacked; found one that ended the process that does it: ${message}`)
    }
  }

  async close (): Promise<void> {
    await this.#lanes.close()
    const wall = await this.#wall?.catch(() => undefined)
    wall?.close()
  }

  async #openWall (): Promise<Wall> {
    try {
      return await this.#open()
    } catch (error) {
      // The next start may find what was missing.
      this.#wall = undefined
      throw error
    }
  }
}

/** What a process that reads hostile archives says is not believed. */
function read ({ type, payload }: Frame): SourceFile[] {
  if (type === FromBuilder.FAILED) throw failed(payload)
  const { head, body } = unpack(payload, LIST_BYTES_MAX)
  if (!Value.Check(unpackedSchema, head)) throw new Error('it answered garbage')
  let offset = 0
  const files = head.files.map(([path, length]) => {
    offset += length
    return { path, contents: body.subarray(offset - length, offset) }
  })
  if (offset !== body.length) throw new Error('its parts do not fit together')
  return files
}

function failed (payload: Buffer): Error {
  const failure = JSON.parse(payload.toString()) as unknown
  if (!Value.Check(failureSchema, failure)) return new Error('it gave no reason')
  return failure.fault === 'module' ? new FilesError(plain(failure.message), failure.file) : unavailable(plain(failure.message))
}

function unavailable (message: string): ModuleError {
  return new ModuleError('FMS_ERR_UNAVAILABLE', 'the archive', message)
}
