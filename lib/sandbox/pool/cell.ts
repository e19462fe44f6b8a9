import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf, unavailable } from '../../errors.ts'
import { Allowance } from './allowance.ts'
import type { Carrier, Home, Isolate, Pending, Reason } from './call.ts'
import { FrameReader, Garbage } from './frames.ts'
import type { Walled } from '../layers.ts'
import { Ledger } from './ledger.ts'
import { readMark, type Mark } from './mark.ts'
import { Outbox } from './outbox.ts'
import { PROTOCOL_VERSION, ToCell, ToHost, type Failed, type Frame, type Load } from '../protocol.ts'
import { Pulse } from './pulse.ts'

/**
 * Whose code a cell runs: that of an admin's tenants, of those among them that offended lately, or of one tenant,
 * because it asked for that (`dedicated`) or offended (`confined`).
 */
export type Purpose =
  | { readonly kind: 'shared' | 'penalty', readonly admin: string }
  | { readonly kind: 'dedicated' | 'confined', readonly admin: string, readonly owner: string, readonly hardened: boolean }

/** How a cell ended. */
export interface End {
  /** None: it was closed. */
  readonly reason: Reason | undefined
  readonly message: string
  /** Whose fault it was, if that is known. */
  readonly offender: Isolate | undefined
  readonly mark: Mark
}

/** Whoever decides what becomes of the calls. */
export interface CellObserver {
  failed (cell: Cell, isolate: Isolate, failed: Failed): void
  ended (cell: Cell, end: End): void
}

// What an exit leaves in the socket is read within a turn of the event loop; a descendant may hold it open for longer.
const LAST_BYTES_MS = 100
// A cell that runs nothing exits within milliseconds of the end of its socket.
const CLOSE_MS = 500

/** The host's side of one child process. */
export class Cell implements Carrier {
  readonly walled: Walled
  readonly hardened: boolean
  readonly ledger: Ledger
  readonly pulse = new Pulse()
  /** Resolves at READY; rejects when it ends before. */
  readonly ready: Promise<void>
  isReady = false
  /** None yet: it stands by. */
  purpose: Purpose | undefined
  /** Takes no new isolates: it is to be replaced. */
  draining = false
  /** One of its isolates holds it: no place for others now. */
  held = false
  heldTurn = 0
  /** For how many seconds it has had almost all that it may have. */
  highSeconds = 0
  /** It has more to do than one core can. */
  saturated = false
  end: End | undefined
  /** When it last had something to do. */
  busyAt = performance.now()
  /** RSS when it had no isolate yet. */
  idleBytes = 0
  readonly allowance: Allowance
  /** Isolates that it has disposed of. */
  disposed = 0
  readonly #ready = Promise.withResolvers<void>()
  readonly #observer: CellObserver
  readonly #socket: Duplex
  readonly #outbox: Outbox
  readonly #reader = new FrameReader()

  /** @param options.holdsData whether the system can limit its data memory */
  constructor (walled: Walled, { hardened, holdsData }: { hardened: boolean, holdsData: boolean }, observer: CellObserver) {
    this.walled = walled
    this.hardened = hardened
    this.allowance = new Allowance(walled, { isHeld: holdsData, hardened, present: () => this.ledger.isolates.size })
    this.#observer = observer
    this.ledger = new Ledger({
      emptied: isolate => this.drop(isolate),
      failed: (isolate, failed) => {
        this.disposed++
        observer.failed(this, isolate, failed)
      }
    })
    this.#socket = walled.socket
    this.#outbox = new Outbox(walled.socket)
    this.ready = this.#ready.promise
    this.ready.catch(() => {})
    // What went wrong, 'close' and the exit say as well.
    this.#socket.on('error', () => {}).on('data', this.#read)
    void this.#awaitEnd()
  }

  /** It has no isolate yet: what it has now is what it needs itself. */
  weigh (): void {
    this.idleBytes = this.walled.residentBytes()
    this.pulse.start(this.idleBytes)
  }

  hello (hello: string): void {
    this.#outbox.frame(ToCell.HELLO, PROTOCOL_VERSION, hello)
  }

  /** Makes an isolate of a module once the kernel lets it; undefined where `may` says no by then. */
  async load (home: Home, script: Pick<Load, 'code' | 'checks'>, alone: boolean, may: () => boolean): Promise<Isolate | undefined> {
    try {
      return await this.allowance.withRoom(() => may() ? this.#load(home, script, alone) : undefined)
    } catch (error) {
      // It may be gone, and that be known in a moment.
      await Promise.race([this.walled.exited, delay(LAST_BYTES_MS)])
      if (this.end !== undefined || await Promise.race([this.walled.exited, undefined]) !== undefined) return undefined
      throw unavailable(`the memory of its cell cannot be limited: ${messageOf(error)}`)
    }
  }

  #load (home: Home, script: Pick<Load, 'code' | 'checks'>, alone: boolean): Isolate {
    const { tenant, module } = home
    const { turnMs, memoryMb, responseBytes, logBytes } = tenant.limits
    const load: Load = {
      owner: tenant.owner,
      module: module.name,
      version: module.version,
      code: script.code,
      checks: script.checks,
      environment: tenant.environment,
      limits: { turnMs, memoryMb, responseBytes, logBytes, webAssembly: tenant.webAssembly },
      alone
    }
    const isolate = this.ledger.addIsolate(home, this)
    this.#outbox.frame(ToCell.LOAD, isolate.id, JSON.stringify(load))
    return isolate
  }

  send (isolate: Isolate, pending: Pending): void {
    if (this.#outbox.full) return pending.reject(unavailable('too much waits for its cell'))
    const id = this.ledger.addCall(isolate, pending)
    this.#outbox.call(id, isolate.id, pending.call.text)
  }

  /** Takes a call back: its answer, which may be under way, is ignored. */
  forget (pending: Pending): void {
    this.#outbox.frame(ToCell.CANCEL, pending.id)
    this.ledger.forget(pending)
  }

  /** Ends an isolate: at once where it has no calls, else after the last. */
  drop (isolate: Isolate): void {
    if (isolate.home.isolate === isolate) isolate.home.isolate = undefined
    if (isolate.state === 'dropped') return
    isolate.state = isolate.calls > 0 ? 'leaving' : 'dropped'
    if (isolate.state === 'leaving') return
    this.disposed++
    this.#outbox.frame(ToCell.DROP, isolate.id)
    this.ping(isolate)
  }

  /** Takes no isolate any more, and lets those that it has finish. */
  drain (): void {
    if (this.draining) return
    this.draining = true
    for (const isolate of [...this.ledger.isolates.values()]) this.drop(isolate)
  }

  /** @param isolate is dropped, and known to be gone when this is answered */
  ping (isolate?: Isolate): void {
    this.#outbox.frame(ToCell.PING, this.ledger.addPing(isolate))
  }

  measure (): void {
    const id = this.ledger.addMeasure()
    if (id !== 0) this.#outbox.frame(ToCell.MEASURE, id)
  }

  kill (reason: Reason, message: string, offender?: Isolate): void {
    this.#finish(reason, message, offender)
  }

  /** Lets it end by itself, which it does when its socket does, and sees to it that it has. */
  async close (): Promise<void> {
    this.#finish(undefined, 'closed', undefined)
    const { exited } = this.walled
    const timer = new AbortController()
    await Promise.race([exited, delay(CLOSE_MS, undefined, timer).catch(() => {})])
    this.walled.kill()
    await Promise.race([exited, delay(CLOSE_MS, undefined, timer).catch(() => {})])
    timer.abort()
    this.#socket.destroy()
  }

  #finish (reason: Reason | undefined, message: string, offender: Isolate | undefined): void {
    if (this.end !== undefined) return
    const end = this.end = { reason, message, offender, mark: readMark(this.walled.mark()) }
    if (reason === undefined) this.#socket.end()
    else {
      this.walled.kill()
      this.#socket.destroy()
    }
    this.#ready.reject(new Error(message))
    this.#observer.ended(this, end)
  }

  async #awaitEnd (): Promise<void> {
    const { exited } = this.walled
    const closed = once(this.#socket, 'close').catch(() => {})
    await Promise.race([exited, closed])
    await Promise.race([Promise.all([exited, closed]), delay(LAST_BYTES_MS, undefined, { ref: false })])
    const exit = await Promise.race([exited, undefined])
    const words = this.walled.lastWords()
    const how = exit === undefined ? 'closed its socket' : exit.code !== null ? `exited with code ${exit.code}` : `was killed by ${exit.signal}`
    const reason = /out of memory|allocation failed|is_heap_oom = 1/i.test(words) ? 'memory' : 'crash'
    this.#finish(reason, `the cell ${how}${words === '' ? '' : `; its last words: ${words}`}`, undefined)
  }

  readonly #read = (chunk: Buffer): void => {
    this.pulse.heard()
    try {
      this.#reader.read(chunk, this.#take)
    } catch (error) {
      if (!(error instanceof Garbage)) throw error
      this.#finish('garbage', `the cell sent ${error.message}`, undefined)
    }
  }

  readonly #take = (frame: Frame): void => {
    if (this.end !== undefined) return
    if (!this.isReady) return this.#begin(frame)
    // Whatever was taken back was cancelled before.
    if (frame.type === ToHost.LONG) this.#outbox.frame(ToCell.GO, frame.id)
    else this.ledger.take(frame)
  }

  #begin ({ type, id }: Frame): void {
    if (type !== ToHost.READY) throw new Garbage('something else before READY')
    if (id !== PROTOCOL_VERSION) throw new Garbage(`READY of version ${id}; expected ${PROTOCOL_VERSION}: its files are another release's`)
    this.isReady = true
    this.#ready.resolve()
  }
}
