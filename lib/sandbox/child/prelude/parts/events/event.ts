import { part } from '../common/cell.ts'
import { expose, need, optionsOf } from '../common/interface.ts'
import type { Clock } from '../performance.ts'

/** An EventTarget: targets know of events, so events know nothing of targets. */
type Target = object

/** What a target does to an event while it dispatches it. */
export interface Dispatch {
  /** False when the event is being dispatched already. */
  begin (target: Target, trusted: boolean): boolean
  /** Whether listeners are passed over from now on. */
  stopped (): boolean
  passive (on: boolean): void
  /** Whether the event's default action may happen. */
  end (): boolean
  readonly type: string
}

/** Set by the class, and not reachable through it. */
export let dispatchOf: (event: Event) => Dispatch
export let isEvent: (value: unknown) => value is Event

const CONSTANTS = { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 }

export interface EventOptions { bubbles?: boolean, cancelable?: boolean, composed?: boolean }

export class Event {
  readonly #type: string
  readonly #options: EventOptions
  /** The events' clock is that of `performance`, whose part may never be loaded. */
  readonly #created = Date.now()
  #target: Target | null = null
  #dispatching = false
  #stop = false
  #stopNow = false
  #passive = false
  #canceled = false
  #trusted = false

  static {
    isEvent = (value): value is Event => typeof value === 'object' && value !== null && #type in value
    dispatchOf = event => ({
      begin: (target, trusted) => {
        if (event.#dispatching) return false
        event.#dispatching = true
        event.#target = target
        event.#trusted = trusted
        return true
      },
      stopped: () => event.#stopNow,
      passive: on => { event.#passive = on },
      end: () => {
        event.#dispatching = event.#stop = event.#stopNow = false
        return !event.#canceled
      },
      type: event.#type
    })
  }

  constructor (type: unknown, options?: EventOptions | null) {
    need(arguments, 1)
    this.#type = `${type as string}`
    const { bubbles, cancelable, composed } = optionsOf(options)
    this.#options = { bubbles: Boolean(bubbles), cancelable: Boolean(cancelable), composed: Boolean(composed) }
  }

  get type (): string { return this.#type }
  get target (): Target | null { return this.#target }
  get srcElement (): Target | null { return this.#target }
  get currentTarget (): Target | null { return this.#dispatching ? this.#target : null }
  get eventPhase (): number { return this.#dispatching ? CONSTANTS.AT_TARGET : CONSTANTS.NONE }
  get bubbles (): boolean { return this.#options.bubbles! }
  get cancelable (): boolean { return this.#options.cancelable! }
  get composed (): boolean { return this.#options.composed! }
  get defaultPrevented (): boolean { return this.#canceled }
  get returnValue (): boolean { return !this.#canceled }
  get timeStamp (): number { return this.#created - (part('performance') as Clock).performance.timeOrigin }
  get isTrusted (): boolean { return this.#trusted }
  get cancelBubble (): boolean { return this.#stop }

  set cancelBubble (value: boolean) {
    if (value) this.#stop = true
  }

  composedPath (): Target[] {
    return this.#dispatching ? [this.#target!] : []
  }

  preventDefault (): void {
    if (this.#options.cancelable && !this.#passive) this.#canceled = true
  }

  stopPropagation (): void {
    this.#stop = true
  }

  stopImmediatePropagation (): void {
    this.#stop = this.#stopNow = true
  }
}

export class CustomEvent extends Event {
  readonly #detail: unknown

  constructor (type: unknown, options?: EventOptions & { detail?: unknown } | null) {
    need(arguments, 1)
    super(type, options)
    this.#detail = options?.detail ?? null
  }

  get detail (): unknown { return this.#detail }
}

export function exposeEvents (): void {
  expose(Event, 'Event', CONSTANTS)
  expose(CustomEvent, 'CustomEvent')
}
