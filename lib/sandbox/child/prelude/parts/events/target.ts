import { exception } from '../common/cell.ts'
import { expose, need } from '../common/interface.ts'
import { type Dispatch, type Event, dispatchOf, isEvent } from './event.ts'
import { reportError } from './report.ts'

type Callback = ((event: Event) => unknown) | { handleEvent?: (event: Event) => unknown }

interface Listener {
  readonly callback: Callback
  readonly capture: boolean
  readonly once: boolean
  readonly passive: boolean
  removed: boolean
}

interface ListenerOptions { capture?: boolean, once?: boolean, passive?: boolean, signal?: AbortSignal }

/** Set by the class, and not reachable through it. Tells when a target gets a listener of a type for the first time. */
export let whenHeard: (target: EventTarget, hear: (type: string) => void) => void

/** Dispatches an event that is the platform's own. */
export let fire: (target: EventTarget, event: Event) => void

export class EventTarget {
  readonly #listeners = new Map<string, Listener[]>()
  #hear: ((type: string) => void) | undefined

  static {
    fire = (target, event) => { target.#dispatch(event, true) }
    whenHeard = (target, hear) => { target.#hear = hear }
  }

  addEventListener (type: unknown, callback: unknown, options?: boolean | ListenerOptions | null): void {
    need(arguments, 2)
    const { capture, once, passive, signal } = optionsOf(options)
    const name = `${type as string}`
    if (signal?.aborted || !isCallback(callback)) return
    const listeners = this.#listeners.get(name) ?? []
    if (listeners.some(listener => listener.callback === callback && listener.capture === Boolean(capture))) return
    listeners.push({ callback, capture: Boolean(capture), once: Boolean(once), passive: Boolean(passive), removed: false })
    this.#listeners.set(name, listeners)
    signal?.addEventListener('abort', () => this.removeEventListener(name, callback, Boolean(capture)), { once: true })
    this.#hear?.(name)
  }

  removeEventListener (type: unknown, callback: unknown, options?: boolean | ListenerOptions | null): void {
    need(arguments, 2)
    const name = `${type as string}`
    const capture = Boolean(optionsOf(options).capture)
    const listeners = this.#listeners.get(name) ?? []
    const index = listeners.findIndex(listener => listener.callback === callback && listener.capture === capture)
    if (index >= 0) this.#remove(name, listeners, index)
  }

  #remove (name: string, listeners: Listener[], index: number): void {
    listeners[index]!.removed = true
    if (listeners.length === 1) this.#listeners.delete(name)
    else listeners.splice(index, 1)
  }

  dispatchEvent (event: Event): boolean {
    need(arguments, 1)
    if (!isEvent(event)) throw new TypeError('The "event" argument must be an instance of Event.')
    return this.#dispatch(event, false)
  }

  #dispatch (event: Event, trusted: boolean): boolean {
    const dispatch = dispatchOf(event)
    if (!dispatch.begin(this, trusted)) throw exception('The event is already being dispatched', 'InvalidStateError')
    const { type } = dispatch
    // At the target, those for capturing come first.
    const listeners = this.#listeners.get(type) ?? []
    const inOrder = [...listeners.filter(({ capture }) => capture), ...listeners.filter(({ capture }) => !capture)]
    for (const listener of inOrder) {
      if (dispatch.stopped()) break
      if (listener.removed) continue
      if (listener.once) this.removeEventListener(type, listener.callback, listener.capture)
      call(listener, this, event, dispatch)
    }
    return dispatch.end()
  }
}

function call (listener: Listener, target: EventTarget, event: Event, dispatch: Dispatch): void {
  const { callback, passive } = listener
  dispatch.passive(passive)
  try {
    if (typeof callback === 'function') Reflect.apply(callback, target, [event])
    else callback.handleEvent!(event)
  } catch (error) {
    // What one listener throws is no business of the others, nor of the dispatcher.
    reportError(error)
  } finally {
    dispatch.passive(false)
  }
}

function isCallback (value: unknown): value is Callback {
  if (value === null || value === undefined) return false
  if (typeof value === 'function' || typeof value === 'object') return true
  throw new TypeError('The "listener" argument must be a function or an object.')
}

function optionsOf (options: boolean | ListenerOptions | null | undefined): ListenerOptions {
  return typeof options === 'object' && options !== null ? options : { capture: Boolean(options) }
}

export function exposeTarget (): void {
  expose(EventTarget, 'EventTarget')
}
