import { randomUUID } from 'node:crypto'
import { closeSync, ftruncateSync, openSync, readSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MARK_BYTES } from '../protocol.ts'

/** The file that a child writes its mark to. It has no name, so that it is gone with the descriptors, however we end. */
export class Mark {
  readonly descriptor: number
  #last: Buffer | undefined

  constructor () {
    this.descriptor = openNameless()
  }

  /** What the child wrote last; zeros where it wrote nothing, or cut the file. */
  read (): Buffer {
    if (this.#last !== undefined) return this.#last
    const mark = Buffer.alloc(MARK_BYTES)
    readSync(this.descriptor, mark, 0, MARK_BYTES, 0)
    return mark
  }

  /** It can still be read, as it was left. */
  close (): void {
    if (this.#last !== undefined) return
    this.#last = this.read()
    closeSync(this.descriptor)
  }
}

function openNameless (): number {
  const name = `fastify-microservices-${randomUUID()}`
  // In memory where that is possible: it is written at every turn.
  let descriptor: number | undefined
  for (const directory of ['/dev/shm', tmpdir()]) {
    const path = join(directory, name)
    try {
      descriptor = openSync(path, 'wx+', 0o600)
      unlinkSync(path)
      ftruncateSync(descriptor, MARK_BYTES)
      return descriptor
    } catch (error) {
      if (descriptor !== undefined) closeSync(descriptor)
      descriptor = undefined
      if (directory !== '/dev/shm') throw error
    }
  }
  throw new Error('unreachable: the loop returns or throws')
}
