import { parseFailed, parseLog, parseMeasured, parseResult, unusableHeader } from './answers.ts'
import type { Carrier, Home, Isolate, Outcome, Pending } from './call.ts'
import { isCut, recordLog, refuse } from './entries.ts'
import { Garbage } from './frames.ts'
import { ToHost, type Failed, type Frame } from '../protocol.ts'

/** Whoever acts on what a cell says. */
export interface LedgerObserver {
  /** It was to leave, and its last call has ended. */
  emptied (isolate: Isolate): void
  failed (isolate: Isolate, failed: Failed): void
}

/** What one cell was asked, and has not answered yet: anything else that comes from it is garbage. */
export class Ledger {
  readonly calls = new Map<number, Pending>()
  readonly isolates = new Map<number, Isolate>()
  /** Calls that may still be answered though nobody waits. */
  readonly forgotten = new Map<number, Isolate>()
  /** PINGs; with an isolate: once this is answered, that one is gone. */
  readonly pings = new Map<number, Isolate | undefined>()
  /** Of the latest isolate, call and PING or MEASURE. */
  readonly last = { isolate: 0, call: 0, ping: 0 }
  /** The MEASURE that is under way. */
  #measure = 0
  readonly #observer: LedgerObserver

  constructor (observer: LedgerObserver) {
    this.#observer = observer
  }

  addIsolate (home: Home, cell: Carrier): Isolate {
    const id = ++this.last.isolate
    const isolate: Isolate = { id, home, cell, calls: 0, forgotten: 0, called: this.last.call, answered: 0, bytes: 0, state: 'live' }
    this.isolates.set(id, isolate)
    return isolate
  }

  addCall (isolate: Isolate, pending: Pending): number {
    const id = ++this.last.call
    pending.id = isolate.called = id
    pending.isolate = isolate
    isolate.calls++
    this.calls.set(id, pending)
    return id
  }

  addPing (isolate?: Isolate): number {
    this.pings.set(++this.last.ping, isolate)
    return this.last.ping
  }

  /** 0 where one is under way. */
  addMeasure (): number {
    if (this.#measure !== 0) return 0
    this.#measure = ++this.last.ping
    return this.#measure
  }

  forget (pending: Pending): void {
    const isolate = pending.isolate as Isolate
    this.calls.delete(pending.id)
    this.forgotten.set(pending.id, isolate)
    isolate.forgotten++
    this.#left(isolate)
  }

  /** @throws {Garbage} */
  take ({ type, id, payload }: Frame): void {
    switch (type) {
      case ToHost.RESULT: return this.#result(id, parseResult(payload))
      case ToHost.PONG: return this.#pong(id)
      case ToHost.MEASURED: return this.#measured(id, payload)
      case ToHost.LOG: return this.#log(this.#isolate(id), payload)
      case ToHost.FAILED: return this.#failed(this.#isolate(id), parseFailed(payload))
      default: throw new Garbage(`a frame of type ${type}, which is not its turn`)
    }
  }

  #isolate (id: number): Isolate {
    const isolate = this.isolates.get(id)
    if (isolate === undefined) throw new Garbage('something of an isolate that it does not have')
    return isolate
  }

  #result (id: number, outcome: Outcome): void {
    const pending = this.calls.get(id)
    if (pending === undefined) return this.#lateResult(id)
    const isolate = pending.isolate as Isolate
    this.calls.delete(id)
    if (id > isolate.answered) isolate.answered = id
    settle(pending, outcome)
    this.#left(isolate)
  }

  #lateResult (id: number): void {
    const isolate = this.forgotten.get(id)
    if (isolate === undefined) throw new Garbage('a result of a call that it does not have')
    this.forgotten.delete(id)
    isolate.forgotten--
    if (id > isolate.answered) isolate.answered = id
  }

  #left (isolate: Isolate): void {
    isolate.calls--
    if (isolate.calls === 0 && isolate.state === 'leaving') this.#observer.emptied(isolate)
  }

  #pong (id: number): void {
    if (!this.pings.has(id)) throw new Garbage('a PONG without PING')
    const isolate = this.pings.get(id)
    this.pings.delete(id)
    if (isolate !== undefined) this.#remove(isolate)
  }

  #measured (id: number, payload: Buffer): void {
    if (id === 0 || id !== this.#measure) throw new Garbage('a measure that nobody asked for')
    this.#measure = 0
    for (const [isolate, bytes] of parseMeasured(payload)) this.#isolate(isolate).bytes = bytes
  }

  #log (isolate: Isolate, payload: Buffer): void {
    if (isCut(isolate.home)) return
    recordLog(isolate.home, parseLog(payload), id => {
      const pending = this.calls.get(id)
      return pending?.isolate === isolate ? pending.call : undefined
    })
  }

  #failed (isolate: Isolate, failed: Failed): void {
    this.#remove(isolate)
    this.#observer.failed(isolate, failed)
  }

  /** Its calls stay: they are its observer's to settle. */
  #remove (isolate: Isolate): void {
    this.isolates.delete(isolate.id)
    if (isolate.home.isolate === isolate) isolate.home.isolate = undefined
    if (isolate.forgotten === 0) return
    for (const [id, of] of this.forgotten) if (of === isolate) this.forgotten.delete(id)
  }

  /** Takes the calls of an isolate, or all, out. */
  takeCalls (isolate?: Isolate): Pending[] {
    const calls = [...this.calls.values()].filter(pending => isolate === undefined || pending.isolate === isolate)
    for (const { id } of calls) this.calls.delete(id)
    return calls
  }
}

/** The guest keeps to its limits by itself, unless it has broken out: then the host's own check holds. */
function settle (pending: Pending, outcome: Outcome): void {
  const most = pending.call.tenant.limits.responseBytes
  const bytes = outcome.kind === 'value' ? outcome.text.length : outcome.kind === 'response' ? outcome.body.length : 0
  if (bytes > most) return refuse(pending, 'FMS_ERR_RESPONSE', `its body has ${bytes} bytes; the limit is ${most}`)
  const header = outcome.kind === 'response' ? unusableHeader(outcome.head) : undefined
  if (header !== undefined) return refuse(pending, 'FMS_ERR_RESPONSE', `HTTP cannot carry its header ${JSON.stringify(header.slice(0, 100))}`)
  pending.resolve(outcome)
}
