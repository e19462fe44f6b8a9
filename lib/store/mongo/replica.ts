import { DEADLINE_MS, notNow, within } from './failure.ts'
import type { Log } from './log.ts'
import type { Snapshot } from './snapshot.ts'
import { type Change, type Held, type OwnerChanged, State } from './state.ts'

/** What is asked of the state: an answer, and perhaps a change. */
export type Decide<T> = (state: State) => { readonly answer: T, readonly change?: Change | undefined }

interface Request<T = unknown> {
  readonly decide: Decide<T>
  readonly resolve: (answer: T) => void
  readonly reject: (error: unknown) => void
}

/** Requests that are answered by one insertion: as many as fit in one message of the protocol, of the largest owners. */
const BATCH = 200

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

  /** The log first: what leaves it meanwhile is in the documents by then. */
  async load (): Promise<void> {
    this.#state = await this.#read()
  }

  ask<T> (decide: Decide<T>): Promise<T> {
    if (this.#waiting.length >= WAITING_MAX) return Promise.reject(notNow(`${WAITING_MAX} changes wait already`))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ decide, resolve, reject } as Request)
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

  /** Answers as many requests as the log takes the changes of, and gives the others. `fresh`: the state was the newest just now. */
  async #decide (state: State, requests: readonly Request[], fresh: boolean): Promise<readonly Request[]> {
    const head = state.head
    const changes: Change[] = []
    const decided = requests.map(({ decide, resolve, reject }) => {
      let settle: () => void
      try {
        const { answer, change } = decide(state)
        if (change !== undefined) {
          state.apply(change)
          changes.push(change)
        }
        settle = () => resolve(answer)
      } catch (error) {
        settle = () => reject(error)
      }
      return { settle, needs: changes.length }
    })
    const added = await this.#append(state, head, changes)
    if (added === 0 && !fresh) return requests
    for (const { settle } of decided.filter(({ needs }) => needs <= added)) settle()
    return requests.filter((_, i) => decided[i]!.needs > added)
  }

  async #append (state: State, head: number, changes: readonly Change[]): Promise<number> {
    if (changes.length === 0) return 0
    const asked = Date.now()
    let added = 0
    try {
      added = await this.#log.append(head + 1, changes)
      const wasSeen = Math.abs(Date.now() - state.seenAt) < this.#keptMs / 2
      if (added > 0 && !wasSeen && !await this.#log.has(head)) {
        this.#state = undefined
        await this.#log.remove(changes.slice(0, added).map((_, i) => head + 1 + i))
        throw notNow('this node has slept, and reads all owners again')
      }
    } catch (error) {
      added = 0
      throw error
    } finally {
      while (state.head > head + added) state.undo()
    }
    if (added > 0) state.seenAt = asked
    this.#onAdded(changes.slice(0, added).flatMap(({ owner, record = null }, i) => owner === undefined ? [] : { number: head + 1 + i, owner, record }))
    return added
  }

  /** `moved`: there was something new. */
  async #follow (batch: readonly Request[]): Promise<{ state: State, moved: boolean }> {
    for (let moved = false; ; moved = true) {
      const state = this.#state ?? await this.#read()
      const asked = Date.now()
      const { changes, more } = await this.#log.after(state.head)
      if (this.#batch !== batch) throw notNow('too late')
      this.#state = changes && state
      for (const change of changes ?? []) state.apply(change)
      if (changes !== undefined) state.seenAt = asked
      if (changes !== undefined && !more) return { state, moved: moved || changes.length > 0 }
    }
  }

  async #read (): Promise<State> {
    const { first, changes } = await this.#log.read()
    const { owners, probe } = await this.#snapshot.read()
    const state = new State(first - 1, settled(owners, first, changes), changes.some(change => change.probe !== undefined) ? undefined : probe)
    for (const change of changes) state.apply(change)
    return state
  }
}

/** Owners whose last change is older than the log. */
function settled (owners: ReadonlyMap<string, Held>, first: number, changes: readonly Change[]): Held[] {
  const latest = new Map(changes.map((change, i) => [change.owner, first + i]))
  return [...owners].filter(([uuid, { number }]) => number >= (latest.get(uuid) ?? 0)).map(([, held]) => held)
}
