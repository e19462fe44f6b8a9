import type { mongodb } from '@fastify/mongodb'
import { isDuplicate, unavailable } from './failure.ts'
import type { Change } from './state.ts'

/** Entry n has the text of n as its id, with zeros before it so that texts sort as numbers do: not every server looks up numbers quickly. */
export interface Entry extends Change {
  readonly _id: string
  readonly at: Date
}

/** Entries that are read at once: 1,000 of the largest fit in memory, and small ones make few ways to the server. */
const PORTION = 1_000

/**
 * The log of all changes, each one document, numbered without gaps. To add entry n + 1 is to insert a document with that id,
 * and one insert wins: that is all the atomicity that is asked of a server, and it puts all changes of all nodes in one order.
 * Entries leave it from the oldest on, never the newest.
 */
export class Log {
  readonly #entries: mongodb.Collection<Entry>

  constructor (entries: mongodb.Collection<Entry>) {
    this.#entries = entries
  }

  /** All entries from the last on back to the first gap, and the number of the first. */
  async read (): Promise<{ first: number, changes: Change[] }> {
    const entries = await this.#entries.find().sort({ _id: 1 }).toArray()
    if (entries.length === 0) {
      await this.append(0, [{}])
      return await this.read()
    }
    const numbers = entries.map(({ _id }) => Number(_id))
    let start = entries.length - 1
    while (start > 0 && numbers[start - 1] === numbers[start]! - 1) start--
    return { first: numbers[start]!, changes: entries.slice(start) }
  }

  /** What comes after entry `head`, and whether there is yet more; undefined where `head` has left the log, and with it perhaps others. */
  async after (head: number): Promise<{ changes: Change[] | undefined, more: boolean }> {
    const [next, last] = await Promise.all([head + 1, head].map(number => this.#entries.findOne({ _id: idOf(number) })))
    if (!next || !last) return { changes: last ? [] : undefined, more: false }
    const others = await this.#entries.find({ _id: { $gt: idOf(head + 1) } }).sort({ _id: 1 }).limit(PORTION).toArray()
    const gap = others.findIndex(({ _id }, i) => Number(_id) !== head + 2 + i)
    return { changes: [next, ...gap === -1 ? others : others.slice(0, gap)], more: gap === -1 && others.length === PORTION }
  }

  /** Adds entries from `number` on, and gives how many came into the log: another node may have been faster. */
  async append (number: number, changes: readonly Change[]): Promise<number> {
    const at = new Date()
    let added = changes.length
    try {
      // In order: after one that another node has taken, none may follow.
      await this.#entries.insertMany(changes.map((change, i) => ({ _id: idOf(number + i), at, ...change })), { ordered: true })
    } catch (error) {
      if (!isDuplicate(error)) throw unavailable(error)
      added = (error as mongodb.MongoBulkWriteError).insertedCount
    }
    return added
  }

  /** Whether entry `number` is there: after a long sleep of this process it may have gone, and then what was added after it counts for nothing. */
  async has (number: number): Promise<boolean> {
    return await this.#entries.findOne({ _id: idOf(number) }, { projection: { _id: 1 } }) !== null
  }

  /** One after the other, so that there is never a gap before an entry. */
  async remove (numbers: readonly number[]): Promise<void> {
    await this.#entries.bulkWrite(numbers.map(number => ({ deleteOne: { filter: { _id: idOf(number) } } })), { ordered: true })
  }
}

function idOf (number: number): string {
  return String(number).padStart(16, '0')
}
