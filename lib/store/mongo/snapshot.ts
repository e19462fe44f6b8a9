import { randomUUID } from 'node:crypto'
import type { mongodb } from '@fastify/mongodb'
import { idOf } from './log.ts'
import { pack, unpack } from './packed.ts'
import type { Whole } from './state.ts'

export interface Chunk {
  readonly _id: string
  /** The number of the log's entry after which it was made, and an id: two nodes may write one at once. */
  readonly snapshot: string
  /** How many chunks it has, in the one that is written last. */
  readonly of: number | null
  readonly changes: Uint8Array
}

/** Characters of a chunk before it is packed: a document may have 16 MB, and to make one must not keep the app from calls. */
const CHUNK_LENGTH = 1_000_000

/** Chunks that are read at once: as many of the least packed as fit in one message of the protocol. */
const READ_AT_ONCE = 16

/**
 * Snapshots of all owners, so that the log may be short, in few documents: what takes time is their number. They are inserted, and
 * never changed. The newest that is whole counts, and outlives all others: what a crash left of one is deleted with the next.
 */
export class Snapshot {
  readonly #chunks: mongodb.Collection<Chunk>

  constructor (chunks: mongodb.Collection<Chunk>) {
    this.#chunks = chunks
  }

  /** The newest; entry 0 of the log with nothing where there is none yet. */
  async read (): Promise<Whole> {
    const [newest = '0', chunks = []] = newestOf(await this.#chunks.find({}, { batchSize: READ_AT_ONCE }).toArray()) ?? []
    return { number: numberOf(newest), changes: (await Promise.all(chunks.map(({ changes }) => unpack(changes)))).flat() }
  }

  /** Gives the number of the newest: this one's, or that of one that another node wrote meanwhile. */
  async write ({ number, changes }: Whole): Promise<number> {
    const snapshot = `${idOf(number)}.${randomUUID()}`
    let chunk: string[] = []
    let [count, length] = [0, 0]
    for (const [i, change] of changes.entries()) {
      const isLast = i === changes.length - 1
      const text = JSON.stringify(change)
      chunk.push(text)
      length += text.length
      if (length < CHUNK_LENGTH && !isLast) continue
      await this.#chunks.insertOne({ _id: `${snapshot}.${count++}`, snapshot, of: isLast ? count : null, changes: await pack(chunk) })
      chunk = []
      length = 0
    }
    // Written is not enough: it must have been read.
    const [newest] = newestOf(await this.#chunks.find({}, { projection: { snapshot: 1, of: 1 } }).toArray())!
    await this.#chunks.deleteMany({ _id: { $lt: newest } })
    return numberOf(newest)
  }
}

/** Of those that are whole. */
function newestOf<T extends Pick<Chunk, 'snapshot' | 'of'>> (chunks: readonly T[]): [snapshot: string, chunks: T[]] | undefined {
  const whole = [...Map.groupBy(chunks, ({ snapshot }) => snapshot)].filter(([, chunks]) => chunks.some(({ of }) => of === chunks.length))
  return whole.reduce<[string, T[]] | undefined>((newest, one) => newest === undefined || one[0] > newest[0] ? one : newest, undefined)
}

function numberOf (snapshot: string): number {
  return Number(snapshot.split('.', 1))
}
