import type { Changes, StoredOwner } from '../../../types/store.ts'
import { ownerOf, type OwnerRecord } from './records.ts'

/** What an entry of the log says, among others: how one owner is from now on (null: gone), or what the probe is. */
export interface Change {
  readonly owner?: string
  readonly record?: OwnerRecord | null
  /** Versions that went with it. */
  readonly gone?: readonly string[]
  readonly probe?: string
}

/** All that there is after one entry of the log, as the changes that bring it about. */
export interface Whole {
  readonly number: number
  readonly changes: readonly Change[]
}

/** A change of an owner, and the number of its entry in the log. */
export interface OwnerChanged {
  readonly number: number
  readonly owner: string
  readonly record: OwnerRecord | null
}

/** A change that was followed, for as long as its entry is in the log. */
export interface Followed {
  readonly number: number
  readonly change: Change
  /** By the clock of `performance.now()`. */
  readonly seenAt: number
  /** What there was before, for `undo`. */
  readonly before: { readonly record: OwnerRecord | undefined, readonly probe: string | undefined }
}

/** All owners as the log has left them at entry `head`. Every node has the same, once it has followed as far. */
export class State {
  probe: string | undefined
  /** When, by the clock on the wall, `head` was known to be in the log: this process, or its machine, may sleep. */
  seenAt = -Infinity
  /** The entry that the snapshot ends with which it was made from. */
  readonly snapshot: number
  readonly #readAt = performance.now()
  readonly #owners = new Map<string, OwnerRecord>()
  readonly #userids = new Map<string, string>()
  readonly #shown = new WeakMap<OwnerRecord, StoredOwner>()
  #followed: Followed[] = []
  #head: number

  constructor ({ number, changes }: Whole) {
    this.snapshot = this.#head = number
    for (const change of changes) this.#take(change)
  }

  get head (): number { return this.#head }
  get followed (): readonly Followed[] { return this.#followed }
  get size (): number { return this.#owners.size }

  record (uuid: string): OwnerRecord | undefined { return this.#owners.get(uuid) }
  hasUserid (admin: string, userid: string): boolean { return this.#userids.has(`${admin} ${userid}`) }

  /** One of the changes of entry `number`: that of `head`, or the next. */
  apply (number: number, change: Change): void {
    const before = { record: change.owner === undefined ? undefined : this.#owners.get(change.owner), probe: this.probe }
    this.#followed.push({ number, change, seenAt: performance.now(), before })
    this.#head = number
    this.#take(change)
  }

  /** Takes back what was applied after entry `head`, and did not come into the log. */
  undo (head: number): void {
    for (let last = this.#followed.at(-1); last !== undefined && last.number > head; last = this.#followed.at(-1)) {
      const { change, before } = this.#followed.pop()!
      if (change.owner !== undefined) this.#put(change.owner, before.record)
      this.probe = before.probe
    }
    this.#head = head
  }

  /** The newest entry that was known at this time, by the clock of `performance.now()`; -1 where none was. */
  headAt (time: number): number {
    if (time < this.#readAt) return -1
    return (this.#followed.find(({ seenAt }) => seenAt >= time)?.number ?? this.#head + 1) - 1
  }

  /** Forgets entries up to this one: they have left the log. */
  forget (number: number): void {
    this.#followed = this.#followed.filter(entry => entry.number > number)
  }

  /** What changed after entry `since`; all, where that is too long ago or yet to come. */
  changes (since: number | undefined): Omit<Changes, 'cursor'> {
    const oldest = (this.#followed[0]?.number ?? this.#head + 1) - 1
    if (since === undefined || !(since <= this.#head && since >= oldest)) {
      return { whole: true, owners: [...this.#owners.values()].map(record => this.#show(record)), removed: [] }
    }
    const news = this.#followed.slice(this.#followed.findLastIndex(({ number }) => number <= since) + 1)
    const uuids = [...new Set(news.flatMap(({ change }) => change.owner ?? []))]
    const [there, removed] = [uuids.filter(uuid => this.#owners.has(uuid)), uuids.filter(uuid => !this.#owners.has(uuid))]
    return { whole: false, owners: there.map(uuid => this.#show(this.record(uuid)!)), removed }
  }

  /** All there is. */
  whole (): Whole {
    const owners = [...this.#owners].map(([owner, record]) => ({ owner, record }))
    return { number: this.#head, changes: [this.probe === undefined ? {} : { probe: this.probe }, ...owners] }
  }

  #take ({ owner, record, probe }: Change): void {
    if (owner !== undefined) this.#put(owner, record ?? undefined)
    if (probe !== undefined) this.probe = probe
  }

  #put (uuid: string, record: OwnerRecord | undefined): void {
    const old = this.record(uuid)
    if (old !== undefined && old.userid !== null) this.#userids.delete(`${old.admin} ${old.userid}`)
    if (record === undefined) {
      this.#owners.delete(uuid)
    } else {
      this.#owners.set(uuid, record)
      if (record.userid !== null) this.#userids.set(`${record.admin} ${record.userid}`, uuid)
    }
  }

  /** Made once a record: an owner that did not change is the same object. */
  #show (record: OwnerRecord): StoredOwner {
    const shown = this.#shown.get(record) ?? ownerOf(record)
    this.#shown.set(record, shown)
    return shown
  }
}
