import { LONG_TURN_MS, ResultKind, ToHost, type Load } from '../protocol.ts'
import { isResult, writeFailed, writeLog, writeResult } from './answers.ts'
import { Fatal, type Mould } from './isolate.ts'
import type { Mark } from './mark.ts'
import { LOG_ERROR, type Outbox } from './prelude/kinds.ts'
import { Resident } from './resident.ts'
import type { Writer } from './writer.ts'

/** While isolates still wait for their turn, results wait for theirs at most so long. */
const FLUSH_MS = 1
/** Memory is looked at after a turn that was long enough to use much, and every so many turns: it costs as much as a call. */
const MEASURED_TURN_MS = 2
const MEASURED_TURNS = 64

/** Decides which isolate runs when: all that has come in since the last tick runs in the next, each isolate's calls in one turn. */
export class Schedule {
  readonly #mould: Mould
  readonly #mark: Mark
  readonly #writer: Writer
  readonly #residents = new Map<number, Resident>()
  /** Of each call without an answer, whose it is. */
  readonly #calls = new Map<number, Resident>()
  /** Who runs in the next tick: first these, in the order of their first call, which is what the host goes by. */
  readonly #called = new Set<Resident>()
  /** Then those with something else to do. */
  readonly #others = new Set<Resident>()
  readonly #pings: number[] = []
  /** Whether the last tick left calls that it had not begun. */
  #hasLeft = false
  #scheduled = false
  /** Whether an isolate was made, so that there is no spare one. */
  #hasMade = false
  /** The LONG whose GO it waits for, or 0. */
  #paused = 0
  #longs = 0
  #lastCall = 0
  #lastTick = 0

  constructor (mould: Mould, mark: Mark, writer: Writer) {
    this.#mould = mould
    this.#mark = mark
    this.#writer = writer
  }

  load (id: number, load: Load): void {
    const resident = new Resident(id, load)
    this.#residents.set(id, resident)
    this.#others.add(resident)
    this.#wake()
  }

  call (id: number, isolate: number, text: string): void {
    this.#lastCall = id
    const resident = this.#residents.get(isolate)
    if (resident === undefined) return
    resident.queue.push({ id, text })
    this.#calls.set(id, resident)
    this.#called.add(resident)
    this.#wake()
  }

  /** The call is answered at once, with nothing: so neither side keeps an account of calls that may never end. */
  cancel (id: number): void {
    const resident = this.#calls.get(id)
    if (resident === undefined) return
    this.#calls.delete(id)
    if (resident.cancel(id)) {
      this.#others.add(resident)
      this.#wake()
    }
    this.#writer.result(id, ResultKind.NOTHING, '', 0)
    this.#flushSoon()
  }

  drop (id: number): void {
    const resident = this.#residents.get(id)
    if (resident !== undefined) this.#remove(resident)
  }

  ping (id: number): void {
    this.#pings.push(id)
    this.#flushSoon()
  }

  measure (id: number): void {
    const measured: Array<[number, number]> = []
    for (const resident of this.#residents.values()) if (resident.isStarted) measured.push([resident.id, resident.bytes()])
    this.#writer.frame(ToHost.MEASURED, id, JSON.stringify(measured))
    this.#flushSoon()
  }

  go (id: number): void {
    if (id !== this.#paused) return
    this.#paused = 0
    if (this.#called.size + this.#others.size > 0) this.#wake()
  }

  #wake (): void {
    if (this.#paused === 0) this.#flushSoon()
  }

  /** A tick: where nothing may run, it still writes. */
  #flushSoon (): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#tick)
  }

  readonly #tick = (): void => {
    this.#scheduled = false
    if (this.#paused === 0 && this.#called.size + this.#others.size > 0) this.#runAll()
    for (const id of this.#pings) this.#writer.frame(ToHost.PONG, id)
    this.#pings.length = 0
    this.#writer.flush()
    if (this.#hasMade) this.#prepareSoon()
  }

  /** Once the answers are out, and nobody waits. */
  #prepareSoon (): void {
    this.#hasMade = false
    setImmediate(() => {
      if (this.#scheduled) this.#hasMade = true
      else this.#mould.prepare()
    })
  }

  #runAll (): void {
    // Those that an earlier tick has left do not run in the order that the host goes by: all count as begun.
    this.#mark.tick(this.#hasLeft ? this.#lastCall : this.#lastTick, this.#lastCall)
    this.#lastTick = this.#lastCall
    this.#writer.flushedAt = performance.now()
    for (const resident of [...this.#called, ...this.#others]) {
      if (this.#runOne(resident)) continue
      this.#paused = ++this.#longs
      this.#writer.frame(ToHost.LONG, this.#paused)
      break
    }
    this.#hasLeft = this.#called.size > 0
    this.#mark.rest()
  }

  /** All that an isolate has to do: in one turn, or in one for each call. Whether others may have theirs afterwards. */
  #runOne (resident: Resident): boolean {
    let took = 0
    while (resident.hasWork && took < LONG_TURN_MS) {
      const startedAt = performance.now()
      if (startedAt - this.#writer.flushedAt > FLUSH_MS) this.#writer.flush()
      this.#turn(resident, startedAt)
      took = performance.now() - startedAt
    }
    if (!resident.hasWork) {
      this.#called.delete(resident)
      this.#others.delete(resident)
    }
    return took < LONG_TURN_MS
  }

  #turn (resident: Resident, startedAt: number): void {
    const calls: number[] = []
    const lost = (message: string): void => writeLog(this.#writer, resident.id, [0, 0, LOG_ERROR, `unhandled rejection: ${message}`])
    this.#mark.turn(resident.id)
    try {
      this.#hasMade ||= !resident.isStarted
      if (!resident.isStarted) this.#post(resident, resident.start(this.#mould, lost), startedAt)
      if (resident.hasWork) this.#post(resident, resident.turn(calls, lost), startedAt)
      if (resident.turns % MEASURED_TURNS === 0 || performance.now() - startedAt > MEASURED_TURN_MS) resident.checkMemory()
    } catch (error) {
      if (!(error instanceof Fatal)) throw error
      this.#fail(resident, error, calls)
    }
  }

  #post (resident: Resident, outbox: Outbox, startedAt: number): void {
    writeLog(this.#writer, resident.id, outbox)
    for (let i = 1; i < outbox.length; i += 3) {
      const id = outbox[i] as number
      const kind = outbox[i + 1] as number
      // A call may have been cancelled meanwhile.
      if (!isResult(kind) || !resident.begun.delete(id)) continue
      this.#calls.delete(id)
      writeResult(this.#writer, id, kind, outbox[i + 2] as string, resident.responseBytes)
    }
    resident.wakeAt(outbox[0] as number, performance.now() - startedAt, () => {
      this.#others.add(resident)
      this.#wake()
    })
  }

  #fail (resident: Resident, { reason, message }: Fatal, calls: readonly number[]): void {
    const begun = [...resident.begun]
    this.#remove(resident)
    writeFailed(this.#writer, resident.id, { reason, message, begun, turn: calls.filter(id => resident.begun.has(id)) })
  }

  #remove (resident: Resident): void {
    for (const { id } of resident.queue) this.#calls.delete(id)
    for (const id of resident.begun) this.#calls.delete(id)
    this.#residents.delete(resident.id)
    this.#called.delete(resident)
    this.#others.delete(resident)
    resident.end()
  }
}
