import type { FastifyInstance } from 'fastify'
import { withDeadline } from '../deadline.ts'
import type { Description, Endpoint } from '../describe/describe.ts'
import type { Guest } from './guest.ts'
import type { Loaded } from './load.ts'

/** What `__start__` and `__close__` may take; less where Fastify allows a plugin less, or it would end the app's start. */
const LIFECYCLE_MS = 8_000

/** How long a replaced version waits for its calls before `__close__` runs all the same. */
const DRAIN_MS = 30_000

interface Identity {
  readonly owner: string
  readonly name: string
  readonly file: string
  readonly version: string
  readonly upload?: string | undefined
  readonly guest?: Guest
  readonly builtIn?: boolean
}

type Lifecycle = (app?: FastifyInstance) => unknown

/** One version of a module: what was loaded from its files at one moment, and its life until the next. */
export class ModuleVersion {
  readonly owner: string
  readonly name: string
  readonly alias: string | undefined
  /** Names the content: equal files give equal versions. */
  readonly version: string
  /** Of an uploaded module: the SHA-256 of its files, of which `version` is the beginning. */
  readonly upload: string | undefined
  readonly file: string
  readonly endpoints: readonly Endpoint[]
  readonly functions: readonly string[]
  readonly problems: Description['problems']
  /** A tenant's: it runs in the sandbox. */
  readonly guest: Guest | undefined
  /** The platform's own: reached through its name only. */
  readonly builtIn: boolean
  /** Source positions in a stack, as the author knows them. */
  readonly mapStack: (stack: string) => string
  /** Whether calls are counted: only `__close__` has to wait for them. */
  readonly counts: boolean
  readonly #onStart: Lifecycle | undefined
  readonly #onClose: Lifecycle | undefined
  #wanted = false
  #started = false
  #starting: Promise<void> | undefined
  /** A `__close__` under way. */
  #ending: Promise<unknown> | undefined
  #calls = 0
  #idle: (() => void) | undefined

  constructor (identity: Identity, loaded: Loaded, description: Description) {
    this.owner = identity.owner
    this.name = identity.name
    this.file = identity.file
    this.version = identity.version
    this.upload = identity.upload
    this.guest = identity.guest
    this.builtIn = identity.builtIn ?? false
    const alias = loaded.exports['__alias__'] as string | undefined
    this.alias = alias === identity.name ? undefined : alias
    this.endpoints = description.endpoints
    this.functions = description.functions
    this.problems = description.problems
    this.mapStack = loaded.mapStack
    this.#onStart = loaded.exports['__start__'] as Lifecycle | undefined
    this.#onClose = loaded.exports['__close__'] as Lifecycle | undefined
    this.counts = this.#onClose !== undefined
  }

  /** Runs `__start__`, before the version goes live. One that is about to be closed, while its calls finish, just stays. */
  start (app: FastifyInstance): Promise<void> {
    this.#wanted = true
    // A preview's may be under way when the version goes live.
    this.#starting ??= this.#start(app).finally(() => { this.#starting = undefined })
    return this.#starting
  }

  /** A call begins; `leave` must follow. */
  enter (): void {
    this.#calls++
  }

  leave (): void {
    this.#calls--
    if (this.#calls === 0) this.#idle?.()
  }

  /** Waits for calls under way, up to `drainMs`, then runs `__close__`, if `__start__` ran and nobody wants it back. */
  async close (drainMs = DRAIN_MS): Promise<void> {
    this.#wanted = false
    await this.#starting?.catch(() => {})
    if (this.#calls > 0) {
      const idle = new Promise<void>(resolve => { this.#idle = resolve })
      await Promise.race([idle, expiry(drainMs)])
    }
    if (this.#wanted || !this.#started) return
    this.#started = false
    const closing = limited('__close__', LIFECYCLE_MS, async () => this.#onClose?.())
    this.#ending = closing.catch(() => {})
    await closing
  }

  async #start (app: FastifyInstance): Promise<void> {
    await this.#ending
    if (this.#started) return
    const { pluginTimeout } = app.initialConfig
    const allowed = pluginTimeout ? Math.min(LIFECYCLE_MS, pluginTimeout * 0.8) : LIFECYCLE_MS
    await limited('__start__', allowed, async () => this.#onStart?.(app))
    this.#started = true
  }
}

async function limited (name: string, allowedMs: number, run: () => Promise<unknown>): Promise<void> {
  await withDeadline(allowedMs, run, () => new Error(`${name} was not done within ${allowedMs / 1000} s`))
}

function expiry (ms: number): Promise<void> {
  return new Promise(resolve => { setTimeout(resolve, ms).unref() })
}
