import { unavailable } from '../../errors.ts'
import { codeOf, type Isolate, type Pending, type Reason } from './call.ts'
import type { Cell, CellObserver, End, Purpose } from './cell.ts'
import { record, refuse, refuseWith } from './entries.ts'
import { begunBy, readMark, runningIn, type Mark } from './mark.ts'
import type { Offences } from './offences.ts'
import { ownAllowance } from './placement.ts'
import type { Failed } from '../protocol.ts'
import { judge, type Loss } from './verdict.ts'

/** What a rescue needs of the pool. */
export interface Shore {
  readonly offences: Offences
  /** Finds a place for a call once more. */
  again (pending: Pending): void
  /** Has a cell ready for the neighbours of one who holds theirs. */
  refuge (purpose: Purpose): Promise<void>
  gone (cell: Cell): void
  warn (fields: object, message: string): void
}

// A module that does not load is tried again after a second, then after twice that, up to half a minute.
const LOAD_RETRY_MS = 1_000
const LOAD_RETRY_MS_MAX = 30_000

const texts: Readonly<Record<Reason, string>> = {
  timeout: 'a turn of its code ran for longer than limits.turnMs',
  memory: 'its code took more than limits.memoryMb',
  crash: 'its code ended the process that ran it',
  garbage: 'the process that ran it broke the protocol'
}

/** Sees to the calls of cells and isolates that are gone, or held. */
export class Rescue implements CellObserver {
  readonly kills: Record<Reason, number> = { timeout: 0, memory: 0, crash: 0, garbage: 0 }
  readonly #shore: Shore

  constructor (shore: Shore) {
    this.#shore = shore
  }

  ended (cell: Cell, { reason, message, offender: blamed, mark }: End): void {
    const { ledger, purpose } = cell
    const sent = sentTo(cell)
    const isolates = [...ledger.isolates.values()]
    const calls = ledger.takeCalls()
    for (const isolate of isolates) if (isolate.home.isolate === isolate) isolate.home.isolate = undefined
    this.#shore.gone(cell)
    if (reason === undefined || purpose === undefined) {
      for (const pending of calls) refuseWith(pending, unavailable('its cell was closed'))
      return
    }
    this.kills[reason]++
    const begun = begunBy(mark, sent)
    // What runs when garbage is read need not be what wrote it.
    const offender = blamed ?? (reason === 'garbage' ? undefined : ledger.isolates.get(mark.isolate))
    const suspect = offender ?? this.#suspect(isolates, calls.filter(begun))
    this.#shore.warn({ reason, ...describe(suspect), admin: purpose.admin, calls: calls.length }, `a cell was ended: ${message}`)
    if (suspect !== undefined) this.#accuse(suspect, reason)
    const offends = (call: Pending): boolean => offender === undefined ? isOf(suspect, call) : call.isolate === offender
    const running = offender === undefined ? calls.filter(call => offends(call) && begun(call)) : runningIn(offender, mark, calls)
    this.#settle(calls, { reason, offends, begun, running })
  }

  /** An isolate of the cell's one tenant; where it has several, all who had calls there are watched. */
  #suspect (isolates: readonly Isolate[], begun: readonly Pending[]): Isolate | undefined {
    const [one] = isolates
    if (one !== undefined && isolates.every(({ home }) => home.tenant.owner === one.home.tenant.owner)) return one
    for (const tenant of new Set(begun.map(({ call }) => call.tenant))) this.#shore.offences.suspect(tenant, performance.now())
    return undefined
  }

  failed (cell: Cell, isolate: Isolate, { reason, message, begun, turn }: Failed): void {
    const calls = cell.ledger.takeCalls(isolate)
    if (reason === 'load') return this.#notLoaded(isolate, calls, message)
    this.kills[reason]++
    this.#accuse(isolate, reason, message)
    const begunIds = new Set(begun)
    const turnIds = new Set(turn)
    const ran = calls.filter(({ id }) => turnIds.has(id))
    const running = ran.length > 0 ? ran : calls.filter(({ id }) => begunIds.has(id))
    this.#settle(calls, { reason, offends: call => call.isolate === isolate, begun: ({ id }) => begunIds.has(id), running })
  }

  /** Ends an isolate that takes more memory than it may, alone. */
  expel (cell: Cell, isolate: Isolate, mark: Mark): void {
    this.kills.memory++
    this.#accuse(isolate, 'memory')
    const calls = [...cell.ledger.calls.values()].filter(pending => pending.isolate === isolate)
    const running = calls.filter(begunBy(mark, sentTo(cell)))
    cell.drop(isolate)
    for (const pending of calls) cell.forget(pending)
    // The cell goes on meanwhile, so what has not begun may do so before it reads of this.
    this.#settle(calls, { reason: 'memory', offends: () => true, begun: () => true, running })
  }

  /** Gives a cell to the one who holds it, once the others have somewhere to go. */
  async hold (cell: Cell, holder: Isolate, mark: Mark): Promise<void> {
    if (cell.heldTurn === mark.turn) return
    cell.heldTurn = mark.turn
    const { purpose, ledger } = cell
    const { owner } = holder.home.tenant
    this.#shore.offences.add(holder.home.tenant, 'hold', performance.now())
    if (purpose === undefined || 'owner' in purpose) return cell.walled.lowerPriority()
    const neighbours = [...ledger.isolates.values()].filter(({ home }) => home.tenant.owner !== owner)
    cell.held = true
    try {
      if (neighbours.length > 0) await this.#shore.refuge(purpose)
    } catch {
      // There is no other cell to be had: they wait until the turn ends, or is ended.
      return
    } finally {
      cell.held = false
    }
    if (cell.end !== undefined) return
    const now = readMark(cell.walled.mark())
    if (now.isolate !== mark.isolate || now.turn !== mark.turn) return this.#moveOut(cell, owner)
    cell.purpose = { kind: 'confined', admin: purpose.admin, owner, hardened: false }
    cell.walled.lowerPriority()
    // What its neighbours have used is not given back.
    const bytes = Math.max(cell.pulse.bytesBefore - cell.idleBytes, 0) + ownAllowance(holder.home.tenant)
    if (bytes < cell.allowance.bytes) cell.allowance.set(bytes, false).catch(() => {})
    // Again: some may have come meanwhile.
    for (const isolate of [...ledger.isolates.values()]) if (isolate.home.tenant.owner !== owner) this.#evacuate(cell, isolate, now)
  }

  /** It let go before its neighbours had to leave: so it leaves, after its calls. */
  #moveOut (cell: Cell, owner: string): void {
    for (const isolate of [...cell.ledger.isolates.values()]) if (isolate.home.tenant.owner === owner) cell.drop(isolate)
  }

  /**
   * Only while the turn that holds the cell runs: the cell begins nothing after it before it has read all this, since it
   * waits for GO (see protocol.ts).
   */
  #evacuate (cell: Cell, isolate: Isolate, mark: Mark): void {
    const begun = begunBy(mark, sentTo(cell))
    const calls = [...cell.ledger.calls.values()].filter(pending => pending.isolate === isolate)
    cell.drop(isolate)
    for (const pending of calls) {
      const repeats = begun(pending)
      // Those that have begun and may not run twice wait for their answer here.
      if (repeats && (!pending.call.safe || pending.repeated)) continue
      cell.forget(pending)
      this.#again(pending, repeats)
    }
  }

  #settle (calls: readonly Pending[], loss: Loss): void {
    for (const pending of calls) {
      const verdict = judge(pending, loss)
      if (verdict === 'again') this.#again(pending, loss.begun(pending))
      else if (verdict === 'guilty') refuse(pending, codeOf[loss.reason], texts[loss.reason])
      else refuseWith(pending, unavailable('its cell was ended while it ran, and it is not safe to repeat'))
    }
  }

  #again (pending: Pending, repeats: boolean): void {
    pending.moves++
    if (repeats) pending.repeated = true
    this.#shore.again(pending)
  }

  #accuse (isolate: Isolate, reason: Reason, message = texts[reason]): void {
    this.#shore.offences.add(isolate.home.tenant, reason, performance.now())
    record(isolate.home, { level: 'error', message: `it was ended: ${message}`, code: codeOf[reason] as 'FMS_ERR_CRASH' })
  }

  #notLoaded ({ home }: Isolate, calls: readonly Pending[], message: string): void {
    const now = performance.now()
    const { count: before = 0, until = 0 } = home.failure ?? {}
    const count = now < until + LOAD_RETRY_MS_MAX ? before + 1 : 1
    const pause = Math.min(LOAD_RETRY_MS * 2 ** (count - 1), LOAD_RETRY_MS_MAX)
    home.failure = { message: `the module did not load: ${message}`, count, until: now + pause }
    for (const pending of calls) refuse(pending, 'FMS_ERR_CRASH', home.failure.message)
  }
}

function isOf (isolate: Isolate | undefined, { call }: Pending): boolean {
  return isolate !== undefined && isolate.home.tenant.owner === call.tenant.owner
}

/** All that may still run there. */
function sentTo ({ ledger }: Cell): Array<{ id: number, isolate: Isolate | undefined }> {
  return [...ledger.calls.values(), ...[...ledger.forgotten].map(([id, isolate]) => ({ id, isolate }))]
}

function describe (isolate: Isolate | undefined): object {
  return isolate === undefined ? {} : { owner: isolate.home.tenant.owner, module: isolate.home.module.name }
}
