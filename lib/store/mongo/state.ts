import type { Changes, StoredOwner } from '../../../types/store.ts'
import { ownerOf, type OwnerRecord } from './records.ts'

/** What an entry of the log says: how one owner is from now on (null: gone), or what the probe is. It begins with an empty one. */
export interface Change {
  readonly owner?: string
  readonly record?: OwnerRecord | null
  /** Versions that went with it. */
  readonly gone?: readonly string[]
  readonly probe?: string
}

/** A change of an owner, and the number of its entry in the log. */
export interface OwnerChanged {
  readonly number: number
  readonly owner: string
  readonly record: OwnerRecord | null
}

/** An owner, and the number of the entry that made it so. */
export interface Held {
  readonly number: number
  readonly record: OwnerRecord
}

/** An entry that was followed, for as long as it is in the log. */
export interface Followed {
  readonly number: number
  readonly change: Change
  /** By the clock of `performance.now()`. */
  readonly seenAt: number
  /** What there was before, for `undo`. */
  readonly before: { readonly held: Held | undefined, readonly probe: string | undefined }
}

/** All owners as the log has left them at entry `head`. Every node has the same, once it has followed as far. */
export class State {
  probe: string | undefined
  /** When, by the clock on the wall, `head` was known to be in the log: this process, or its machine, may sleep. */
  seenAt = -Infinity
  readonly #owners = new Map<string, Held>()
  readonly #userids = new Map<string, string>()
  readonly #shown = new WeakMap<OwnerRecord, StoredOwner>()
  #followed: Followed[] = []
  #head: number

  constructor (head: number, owners: Iterable<Held>, probe: string | undefined) {
    this.#head = head
    this.probe = probe
    for (const held of owners) this.#put(held.record.tenant, held)
  }

  get head (): number { return this.#head }
  get followed (): readonly Followed[] { return this.#followed }

  held (uuid: string): Held | undefined { return this.#owners.get(uuid) }
  record (uuid: string): OwnerRecord | undefined { return this.#owners.get(uuid)?.record }
  hasUserid (admin: string, userid: string): boolean { return this.#userids.has(`${admin} ${userid}`) }

  apply (change: Change): void {
    const before = { held: change.owner === undefined ? undefined : this.#owners.get(change.owner), probe: this.probe }
    this.#followed.push({ number: ++this.#head, change, seenAt: performance.now(), before })
    if (change.owner !== undefined) this.#put(change.owner, change.record ? { number: this.#head, record: change.record } : undefined)
    if (change.probe !== undefined) this.probe = change.probe
  }

  /** Takes back what was applied last, and did not come into the log. */
  undo (): void {
    const { change, before } = this.#followed.pop()!
    this.#head--
    if (change.owner !== undefined) this.#put(change.owner, before.held)
    this.probe = before.probe
  }

  /** Forgets entries up to this one: they have left the log. */
  forget (number: number): void {
    this.#followed = this.#followed.filter(entry => entry.number > number)
  }

  /** What changed after entry `since`; all, where that is too long ago or yet to come. */
  changes (since: number | undefined): Omit<Changes, 'cursor'> {
    if (since === undefined || !(since <= this.#head && since >= this.#head - this.#followed.length)) {
      return { whole: true, owners: [...this.#owners.values()].map(({ record }) => this.#show(record)), removed: [] }
    }
    const news = this.#followed.slice(this.#followed.length - (this.#head - since))
    const uuids = [...new Set(news.flatMap(({ change }) => change.owner ?? []))]
    const [there, removed] = [uuids.filter(uuid => this.#owners.has(uuid)), uuids.filter(uuid => !this.#owners.has(uuid))]
    return { whole: false, owners: there.map(uuid => this.#show(this.record(uuid)!)), removed }
  }

  #put (uuid: string, held: Held | undefined): void {
    const old = this.record(uuid)
    if (old !== undefined && old.userid !== null) this.#userids.delete(`${old.admin} ${old.userid}`)
    if (held === undefined) {
      this.#owners.delete(uuid)
    } else {
      this.#owners.set(uuid, held)
      if (held.record.userid !== null) this.#userids.set(`${held.record.admin} ${held.record.userid}`, uuid)
    }
  }

  /** Made once a record: an owner that did not change is the same object. */
  #show (record: OwnerRecord): StoredOwner {
    const shown = this.#shown.get(record) ?? ownerOf(record)
    this.#shown.set(record, shown)
    return shown
  }
}
