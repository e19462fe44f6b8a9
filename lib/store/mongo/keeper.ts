import type { Documents } from './documents.ts'
import { unavailable } from './failure.ts'
import type { Log } from './log.ts'
import type { Replica } from './replica.ts'
import type { Snapshot } from './snapshot.ts'
import type { Followed, OwnerChanged, State, Whole } from './state.ts'
import type { UsedTokens } from './tokens.ts'
import type { Versions } from './versions.ts'

const TIDY_MS = 30_000

/** Changes of so long are written together, and an owner that changed twice once. */
const GATHER_MS = 200

/** A snapshot is made once the log has a change for so many owners: it is quick to read then, and all snapshots together are little to write. */
const OWNERS_PER_CHANGE = 20

interface Parts {
  readonly log: Log
  readonly snapshot: Snapshot
  readonly documents: Documents
  readonly versions: Versions
  readonly tokens: UsedTokens
  /** How long entries stay in the log at least. */
  readonly keptMs: number
}

/** Brings the documents up to what the log says, and shortens the log. Nobody waits for it; what fails is done later, by any node. */
export class Keeper {
  readonly #parts: Parts
  readonly #behind = new Map<string, OwnerChanged>()
  #work: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #tidiedAt = performance.now()
  /** What entries up to this one leave behind is done. */
  #tidied = -1

  constructor (parts: Parts) {
    this.#parts = parts
  }

  /** What this node has changed, to be written soon. */
  added (changes: readonly OwnerChanged[]): void {
    for (const change of changes) this.#behind.set(change.owner, change)
  }

  /** Does what there is to do, soon. */
  wake (replica: Replica): void {
    this.#timer ??= setTimeout(() => {
      this.#work = this.#run(replica).catch(leaveForLater).finally(() => { this.#timer = undefined })
    }, GATHER_MS).unref()
  }

  /** Leaves little to read for the next start, and writes all that this node has changed, or leaves it to the others. */
  async finish (replica: Replica): Promise<void> {
    clearTimeout(this.#timer)
    await this.#work
    try {
      const whole = await replica.look(state => wholeOf(state, state.followed))
      if (whole !== undefined) await this.#parts.snapshot.write(whole)
      await this.#write()
    } catch (error) {
      leaveForLater(error)
    }
  }

  async #run (replica: Replica): Promise<void> {
    const { tokens, keptMs } = this.#parts
    await this.#write()
    await tokens.sweep()
    if (performance.now() - this.#tidiedAt < Math.min(TIDY_MS, keptMs)) return
    this.#tidiedAt = performance.now()
    await this.#tidy(replica)
  }

  async #write (): Promise<void> {
    const changes = [...this.#behind.values()]
    if (changes.length === 0) return
    await this.#parts.documents.write(changes)
    // One that changed meanwhile stays.
    for (const change of changes) if (this.#behind.get(change.owner) === change) this.#behind.delete(change.owner)
  }

  async #tidy (replica: Replica): Promise<void> {
    const before = performance.now() - this.#parts.keptMs
    const { end, later, whole, read } = await replica.look(state => {
      const end = Math.min(state.headAt(before), state.head - 1)
      const old = state.followed.filter(({ number }) => number <= end)
      const later = new Set(state.followed.slice(old.length).map(({ change }) => change.owner))
      return { end, later, whole: wholeOf(state, old), read: state.snapshot }
    })
    if (!await this.#reflect(end, later)) return
    this.#tidied = end
    await this.#shorten(replica, end, whole, read)
  }

  /** Has the documents say what entries up to `end` say, but for owners that changed later; false where they do not yet. */
  async #reflect (end: number, later: ReadonlySet<string | undefined>): Promise<boolean> {
    const { log, documents, versions } = this.#parts
    // Not those that were followed: a snapshot may have more than the documents, and then nobody followed what is between.
    const old = end > this.#tidied ? await log.read(this.#tidied + 1, end) : []
    const latest = new Map<string, OwnerChanged>()
    for (const { number, changes } of old) {
      for (const { owner, record = null } of changes) if (owner !== undefined && !later.has(owner)) latest.set(owner, { number, owner, record })
    }
    const lacking = await documents.lacks([...latest.values()])
    await documents.write(lacking)
    await versions.remove(old.flatMap(({ changes }) => changes.flatMap(({ gone = [] }) => gone)))
    // Written is not enough: it must have been read.
    return (await documents.lacks(lacking)).length === 0
  }

  /** Takes entries up to `end` out of the log that a snapshot has: a new one, where one is worth it, else the one that was read. */
  async #shorten (replica: Replica, end: number, whole: Whole | undefined, read: number): Promise<void> {
    const { log, snapshot } = this.#parts
    let last = end
    // Where it has gone, another node did all this.
    if (await log.has(end)) {
      last = Math.min(end, (whole === undefined ? read : await snapshot.write(whole)) - 1)
      await log.remove(0, last)
    }
    await replica.look(state => state.forget(last))
  }
}

/** All owners, where that is worth it for so many changes. */
function wholeOf (state: State, changes: readonly Followed[]): Whole | undefined {
  return changes.length * OWNERS_PER_CHANGE > state.size ? state.whole() : undefined
}

function leaveForLater (error: unknown): void {
  const failure = unavailable(error)
  if (!(failure instanceof Error) || !('code' in failure) || failure.code !== 'FMS_ERR_UNAVAILABLE') throw failure
}
