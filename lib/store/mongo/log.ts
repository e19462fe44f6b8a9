import type { mongodb } from '@fastify/mongodb'
import { isDuplicate, unavailable } from './failure.ts'
import { pack, unpack } from './packed.ts'
import type { Change } from './state.ts'

/** Entry n has the text of n as its id, with zeros before it so that texts sort as numbers do: not every server looks up numbers quickly. */
export interface Entry {
  readonly _id: string
  readonly at: Date
  readonly changes: Uint8Array
}

/** Entries that are removed by one call, which a server without an index for that must do within its deadline. */
const PORTION = 100

/**
 * The log of all changes, numbered without gaps; an entry has those that came into it together. To add entry n + 1 is to insert a
 * document with that id, and one insert wins: that is all the atomicity that is asked of a server, and it puts all changes of all
 * nodes in one order. Entries leave it from the oldest on, never the newest, and never those after the newest snapshot.
 */
export class Log {
  readonly #entries: mongodb.Collection<Entry>

  constructor (entries: mongodb.Collection<Entry>) {
    this.#entries = entries
  }

  /** Makes entry 0, which changes nothing, where there is none at all. */
  async begin (): Promise<void> {
    if (await this.#entries.findOne({}, { projection: { _id: 1 } }) === null) await this.append(0, [{}])
  }

  /** The changes of each entry after `head`; undefined where `head` has left the log, and with it perhaps others. */
  async after (head: number): Promise<Change[][] | undefined> {
    const [next, isThere] = await Promise.all([this.#entries.findOne({ _id: idOf(head + 1) }), this.has(head)])
    if (next === null || !isThere) return isThere ? [] : undefined
    const others = await this.#entries.find({ _id: { $gt: idOf(head + 1) } }).sort({ _id: 1 }).toArray()
    const gap = others.findIndex(({ _id }, i) => Number(_id) !== head + 2 + i)
    return await Promise.all([next, ...gap === -1 ? others : others.slice(0, gap)].map(({ changes }) => unpack(changes)))
  }

  /** Adds entry `number`; false where another node was faster. */
  async append (number: number, changes: readonly Change[]): Promise<boolean> {
    const packed = await pack(changes.map(change => JSON.stringify(change)))
    try {
      await this.#entries.insertOne({ _id: idOf(number), at: new Date(), changes: packed })
      return true
    } catch (error) {
      if (!isDuplicate(error)) throw unavailable(error)
      return false
    }
  }

  /** Whether entry `number` is there: after a long sleep of this process it may have gone, and then what was added after it counts for nothing. */
  async has (number: number): Promise<boolean> {
    return await this.#entries.findOne({ _id: idOf(number) }, { projection: { _id: 1 } }) !== null
  }

  /** What entries of this range changed, where they are there. */
  async read (first: number, last: number): Promise<Array<{ number: number, changes: Change[] }>> {
    const entries = await this.#entries.find(between(first, last)).sort({ _id: 1 }).toArray()
    return await Promise.all(entries.map(async ({ _id, changes }) => ({ number: Number(_id), changes: await unpack(changes) })))
  }

  /** One after the other, so that there is never a gap before an entry. */
  async remove (first: number, last: number): Promise<void> {
    const entries = await this.#entries.find(between(first, last), { projection: { _id: 1 } }).sort({ _id: 1 }).toArray()
    for (let at = 0; at < entries.length; at += PORTION) {
      await this.#entries.bulkWrite(entries.slice(at, at + PORTION).map(({ _id }) => ({ deleteOne: { filter: { _id } } })), { ordered: true })
    }
  }
}

function between (first: number, last: number): mongodb.Filter<Entry> {
  return { _id: { $gte: idOf(first), $lte: idOf(last) } }
}

export function idOf (number: number): string {
  return String(number).padStart(16, '0')
}
