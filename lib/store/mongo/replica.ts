import { platformError } from '../../errors.ts'
import { DEADLINE_MS, notNow, within } from './failure.ts'
import type { Log } from './log.ts'
import type { Snapshot } from './snapshot.ts'
import { type Change, type OwnerChanged, State } from './state.ts'

/** What is asked of the state: an answer, and perhaps a change. */
export type Decide<T> = (state: State) => { readonly answer: T, readonly change?: Change | undefined }

interface Request<T = unknown> {
  readonly decide: Decide<T>
  readonly resolve: (answer: T) => void
  readonly reject: (error: unknown) => void
}

/** Requests whose changes are one entry of the log: as many of the largest owners as fit in one document. */
const BATCH = 64

/** Beyond this the database is too slow for what is asked of it, and memory is not. */
const WAITING_MAX = 10_000

/** Between two looks at an entry that is taken, but not to be read yet: a majority must have it first. */
const TAKEN_WAIT_MS = 10

/**
 * Every node holds all owners, follows the log, and decides by what it knows; a decision counts if its entry is the next one of
 * the log. If another node's is, the node follows first, and decides again.
 */
export class Replica {
  readonly #log: Log
  readonly #snapshot: Snapshot
  readonly #keptMs: number
  readonly #onAdded: (changes: readonly OwnerChanged[]) => void
  #state: State | undefined
  #waiting: Request[] = []
  /** What is worked on. What a deadline ended, and goes on nevertheless, finds another here. */
  #batch: readonly Request[] | undefined

  /** `keptMs`: how long entries stay in the log at least; `onAdded`: told what this node has added to it. */
  constructor (log: Log, snapshot: Snapshot, keptMs: number, onAdded: (changes: readonly OwnerChanged[]) => void) {
    this.#log = log
    this.#snapshot = snapshot
    this.#keptMs = keptMs
    this.#onAdded = onAdded
  }

  /** Reads all that there is. */
  async load (): Promise<void> {
    await this.#follow(undefined)
  }

  /** By the state with changes that may come into the log as one entry with this one's. */
  ask<T> (decide: Decide<T>): Promise<T> {
    return this.#enqueue('push', decide)
  }

  /** By the state as an entry left it: before the changes that wait. */
  look<T> (see: (state: State) => T): Promise<T> {
    return this.#enqueue('unshift', state => ({ answer: see(state) }))
  }

  #enqueue<T> (how: 'push' | 'unshift', decide: Decide<T>): Promise<T> {
    if (this.#waiting.length >= WAITING_MAX) return Promise.reject(notNow(`${WAITING_MAX} changes wait already`))
    return new Promise((resolve, reject) => {
      this.#waiting[how]({ decide, resolve, reject } as Request)
      if (this.#batch === undefined) void this.#work()
    })
  }

  async #work (): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#batch = this.#waiting.splice(0, BATCH)
      let ended = false
      try {
        await within(DEADLINE_MS, this.#settle(batch).finally(() => { ended = true }))
      } catch (error) {
        // It may still change that state.
        if (!ended) this.#state = undefined
        // Those that wait would meet the same, one deadline after the other.
        for (const { reject } of [...batch, ...this.#waiting.splice(0)]) reject(error)
      }
    }
    this.#batch = undefined
  }

  async #settle (batch: readonly Request[]): Promise<void> {
    // That an entry came into the log proves that nothing new was there: only where there is none to add, or it was taken, to look is needed.
    let open = this.#state === undefined ? batch : await this.#decide(this.#state, batch, false)
    while (open.length > 0) {
      const { state, moved } = await this.#follow(batch)
      const before = open.length
      open = await this.#decide(state, open, true)
      if (open.length === before && !moved) await new Promise(resolve => setTimeout(resolve, TAKEN_WAIT_MS * Math.random()))
    }
  }

  /** Answers those requests that need no changes which the log does not take, and gives the others. `fresh`: the state was the newest just now. */
  async #decide (state: State, requests: readonly Request[], fresh: boolean): Promise<readonly Request[]> {
    const head = state.head
    const changes: Change[] = []
    const decided = requests.map(({ decide, resolve, reject }) => {
      let settle: () => void
      try {
        const { answer, change } = decide(state)
        if (change !== undefined) {
          state.apply(head + 1, change)
          changes.push(change)
        }
        settle = () => resolve(answer)
      } catch (error) {
        settle = () => reject(error)
      }
      return { settle, needs: changes.length }
    })
    const added = await this.#append(state, head, changes)
    if (!added && !fresh) return requests
    for (const { settle } of decided.filter(({ needs }) => added || needs === 0)) settle()
    return requests.filter((_, i) => !added && decided[i]!.needs > 0)
  }

  async #append (state: State, head: number, changes: readonly Change[]): Promise<boolean> {
    if (changes.length === 0) return false
    const asked = Date.now()
    let added = false
    try {
      added = await this.#log.append(head + 1, changes)
      const wasSeen = Math.abs(Date.now() - state.seenAt) < this.#keptMs / 2
      if (added && !wasSeen && !await this.#log.has(head)) {
        this.#state = undefined
        await this.#log.remove(head + 1, head + 1)
        throw notNow('this node has slept, and reads all owners again')
      }
    } catch (error) {
      added = false
      throw error
    } finally {
      if (!added) state.undo(head)
    }
    if (added) {
      state.seenAt = asked
      this.#onAdded(changes.flatMap(({ owner, record = null }) => owner === undefined ? [] : { number: head + 1, owner, record }))
    }
    return added
  }

  /** `moved`: there was something new. */
  async #follow (batch: readonly Request[] | undefined): Promise<{ state: State, moved: boolean }> {
    for (let [moved, left] = [false, -1]; ; moved = true) {
      const state = this.#state ?? await this.#read()
      const asked = Date.now()
      const entries = await this.#log.after(state.head)
      if (this.#batch !== batch) throw notNow('too late')
      this.#state = entries && state
      if (entries !== undefined) {
        const first = state.head + 1
        entries.forEach((changes, i) => changes.forEach(change => state.apply(first + i, change)))
        state.seenAt = asked
        return { state, moved: moved || entries.length > 0 }
      }
      // What has left the log is in a newer snapshot, by then.
      if (state.head === left) throw lost(left)
      left = state.head
    }
  }

  async #read (): Promise<State> {
    await this.#log.begin()
    return new State(await this.#snapshot.read())
  }
}

function lost (number: number): Error {
  return platformError('FMS_ERR_STORE', `expected entry ${number} in the log of changes in MongoDB, since that is how far the snapshot of owners goes; found none; restore both from one backup`)
}
