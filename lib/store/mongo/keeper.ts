import { unavailable } from './failure.ts'
import type { Log } from './log.ts'
import type { Replica } from './replica.ts'
import type { Snapshot } from './snapshot.ts'
import type { Followed, OwnerChanged } from './state.ts'
import type { UsedTokens } from './tokens.ts'
import type { Versions } from './versions.ts'

const TIDY_MS = 30_000

/** Changes of so long are written together, and an owner that changed twice once. */
const GATHER_MS = 200

/** Entries that leave the log at once. */
const PORTION = 1_000

/** Brings the documents up to what the log says, and shortens the log. Nobody waits for it; what fails is done later, by any node. */
export class Keeper {
  readonly #log: Log
  readonly #snapshot: Snapshot
  readonly #versions: Versions
  readonly #tokens: UsedTokens
  readonly #keptMs: number
  readonly #behind = new Map<string, OwnerChanged>()
  #work: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #tidiedAt = performance.now()

  constructor (parts: { log: Log, snapshot: Snapshot, versions: Versions, tokens: UsedTokens, keptMs: number }) {
    this.#log = parts.log
    this.#snapshot = parts.snapshot
    this.#versions = parts.versions
    this.#tokens = parts.tokens
    this.#keptMs = parts.keptMs
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

  /** Writes all that this node has changed, or leaves it to the others. */
  async finish (): Promise<void> {
    clearTimeout(this.#timer)
    await this.#work
    await this.#write().catch(leaveForLater)
  }

  async #run (replica: Replica): Promise<void> {
    await this.#write()
    await this.#tokens.sweep()
    if (performance.now() - this.#tidiedAt < Math.min(TIDY_MS, this.#keptMs)) return
    this.#tidiedAt = performance.now()
    await this.#tidy(replica)
  }

  async #write (): Promise<void> {
    const changes = [...this.#behind.values()]
    if (changes.length === 0) return
    await this.#snapshot.write(changes)
    // One that changed meanwhile stays.
    for (const change of changes) if (this.#behind.get(change.owner) === change) this.#behind.delete(change.owner)
  }

  async #tidy (replica: Replica): Promise<void> {
    const { old, latest } = await replica.ask(state => {
      const before = performance.now() - this.#keptMs
      const old = state.followed.filter(({ number, seenAt }) => seenAt < before && number < state.head).slice(0, PORTION)
      return { answer: { old, latest: latestOf(old, state.followed) } }
    })
    if (old.length === 0) return
    const lacking = await this.#snapshot.lacks(latest)
    await this.#snapshot.write(lacking)
    for (const { number, change } of old) {
      if (change.probe !== undefined) await this.#snapshot.writeProbe(change.probe, number)
      if (change.gone !== undefined) await this.#versions.remove(change.gone)
    }
    // Written is not enough: it must have been read.
    if ((await this.#snapshot.lacks(lacking)).length > 0) return
    const numbers = old.map(({ number }) => number)
    await this.#log.remove(numbers)
    await replica.ask(state => { state.forget(numbers.at(-1)!); return { answer: undefined } })
  }
}

/** The changes of these that nothing followed for the same owner. */
function latestOf (old: readonly Followed[], all: readonly Followed[]): OwnerChanged[] {
  const latest = new Map(all.map(({ number, change }) => [change.owner, number]))
  return old.flatMap(({ number, change: { owner, record = null } }) => owner !== undefined && latest.get(owner) === number ? { number, owner, record } : [])
}

function leaveForLater (error: unknown): void {
  const failure = unavailable(error)
  if (!(failure instanceof Error) || !('code' in failure) || failure.code !== 'FMS_ERR_UNAVAILABLE') throw failure
}
