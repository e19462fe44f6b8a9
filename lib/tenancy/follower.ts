import { setImmediate } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Changes, Store } from '../../types/store.ts'
import { messageOf } from '../errors.ts'
import { reach } from './reach.ts'

// What one node does, another is to know within a second, also when a look fails once.
const POLL_MS = 250

interface FollowerOptions {
  readonly store: Pick<Store, 'changes'>
  readonly log: FastifyBaseLogger
  /** Takes in what has changed. Never called for an older state after a newer. */
  readonly apply: (changes: Changes) => void
}

/** Looks for what has changed in the store: one look at a time, so that what was read later is also taken in later. */
export class Follower {
  readonly #store: FollowerOptions['store']
  readonly #log: FastifyBaseLogger
  readonly #apply: FollowerOptions['apply']
  #cursor: string | undefined
  /** The look that has not begun yet. */
  #next: Promise<void> | undefined
  #last: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #state: 'fresh' | 'following' | 'closed' = 'fresh'
  #away = false
  /** When the last good look began, by `performance.now()`. */
  #seenAt = -Infinity

  constructor ({ store, log, apply }: FollowerOptions) {
    this.#store = store
    this.#log = log
    this.#apply = apply
  }

  get seenAt (): number {
    return this.#seenAt
  }

  /** From now on, by itself. */
  start (): void {
    this.#state = 'following'
    this.#schedule()
  }

  async close (): Promise<void> {
    this.#state = 'closed'
    clearTimeout(this.#timer)
    await this.#last
  }

  /**
   * Has looked when it resolves, and not begun before it was asked. Whoever asks meanwhile shares the next look.
   *
   * @throws what `reach` says
   */
  look (): Promise<void> {
    if (this.#next === undefined) {
      this.#next = this.#lookAfter(this.#last)
      this.#last = this.#next.catch(() => {})
    }
    return this.#next
  }

  async #lookAfter (last: Promise<void>): Promise<void> {
    await last
    // Writes that were answered together share one look.
    await setImmediate()
    this.#next = undefined
    const begun = performance.now()
    const changes = await reach(() => this.#store.changes(this.#cursor))
    this.#apply(changes)
    this.#cursor = changes.cursor
    this.#seenAt = begun
  }

  #schedule (): void {
    if (this.#state === 'closed') return
    this.#timer = setTimeout(() => { void this.#poll() }, POLL_MS).unref()
  }

  async #poll (): Promise<void> {
    try {
      await this.look()
      if (this.#away) this.#log.info('the store can be reached again')
      this.#away = false
    } catch (error) {
      if (!this.#away) this.#log.error({ err: error }, `the store cannot be reached, so that owners stay as they are known: ${messageOf(error)}`)
      this.#away = true
    }
    this.#schedule()
  }
}
