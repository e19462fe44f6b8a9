import { exception } from '../common/cell.ts'
import { expose, need } from '../common/interface.ts'
import { Event } from './event.ts'
import { EventTarget, fire, whenHeard } from './target.ts'

const key = Symbol('key')

type Handler = ((event: Event) => unknown) | null

/** Set by the class, and not reachable through it. */
let abort: (signal: AbortSignal, reason: unknown) => void
let isSignal: (value: unknown) => value is AbortSignal

/** Tells which of several signals was the first. */
let abortions = 0

export class AbortSignal extends EventTarget {
  /** Since when, counted in abortions; 0 while it is not aborted. */
  #since = 0
  #reason: unknown
  #sources: readonly AbortSignal[] = []
  /** Those made of this signal that somebody listens to. The others look at their sources when they are asked, which keeps nothing alive. */
  #dependents: Set<AbortSignal> | undefined
  #handler: Handler = null
  #handles = false

  static {
    isSignal = (value): value is AbortSignal => typeof value === 'object' && value !== null && #since in value
    abort = (signal, reason) => { signal.#abort(reason) }
  }

  constructor (secret?: unknown) {
    if (secret !== key) throw new TypeError('Illegal constructor')
    super()
    whenHeard(this, type => { if (type === 'abort') this.#follow() })
  }

  static abort (reason: unknown = exception('This operation was aborted', 'AbortError')): AbortSignal {
    const signal = new AbortSignal(key)
    signal.#abort(reason)
    return signal
  }

  static timeout (milliseconds: unknown): AbortSignal {
    need(arguments, 1)
    const delay = Number(milliseconds)
    if (Number.isNaN(delay)) throw new TypeError('Expected a number of milliseconds')
    if (!(delay >= 0 && delay <= Number.MAX_SAFE_INTEGER)) throw new RangeError('The value of "delay" is out of range.')
    const signal = new AbortSignal(key)
    setTimeout(() => signal.#abort(exception('The operation was aborted due to timeout', 'TimeoutError')), delay)
    return signal
  }

  static any (signals: Iterable<AbortSignal>): AbortSignal {
    need(arguments, 1)
    const sources: AbortSignal[] = []
    for (const source of signals) {
      if (!isSignal(source)) throw new TypeError('The "signals" argument must hold instances of AbortSignal.')
      if (source.#sources.length === 0) sources.push(source)
      else sources.push(...source.#sources)
    }
    const signal = new AbortSignal(key)
    signal.#sources = sources
    return signal
  }

  get aborted (): boolean {
    this.#look()
    return this.#since > 0
  }

  get reason (): unknown {
    this.#look()
    return this.#reason
  }

  get onabort (): Handler { return this.#handler }

  set onabort (handler: unknown) {
    this.#handler = typeof handler === 'function' ? handler as Handler : null
    if (this.#handles) return
    // Its place among the listeners is that of the first handler.
    this.#handles = true
    this.addEventListener('abort', (event: Event) => this.#handler?.(event))
  }

  throwIfAborted (): void {
    if (this.aborted) throw this.#reason
  }

  /** Takes over what has happened to its sources. */
  #look (): void {
    if (this.#since > 0) return
    for (const source of this.#sources) {
      if (source.#since > 0 && (this.#since === 0 || source.#since < this.#since)) {
        this.#since = source.#since
        this.#reason = source.#reason
      }
    }
    if (this.#since > 0) this.#leave()
  }

  #follow (): void {
    if (this.aborted) return
    for (const source of this.#sources) (source.#dependents ??= new Set()).add(this)
  }

  #leave (): void {
    for (const source of this.#sources) source.#dependents?.delete(this)
    this.#sources = []
  }

  #abort (reason: unknown): void {
    if (this.#since > 0) return
    this.#since = ++abortions
    this.#reason = reason
    const dependents = [...this.#dependents ?? []].filter(dependent => dependent.#since === 0)
    // All are aborted before the first listener hears of it.
    for (const dependent of dependents) dependent.#look()
    for (const signal of [this, ...dependents]) fire(signal, new Event('abort'))
  }
}

export class AbortController {
  readonly #signal = new AbortSignal(key)

  get signal (): AbortSignal { return this.#signal }

  abort (reason: unknown = exception('This operation was aborted', 'AbortError')): void {
    abort(this.#signal, reason)
  }
}

export function exposeAbort (): void {
  expose(AbortSignal, 'AbortSignal')
  expose(AbortController, 'AbortController')
}
