import type { Isolate, GuestModule } from './call.ts'
import type { Cell } from './cell.ts'
import { readMark } from './mark.ts'
import { isIdle, type Room } from './placement.ts'
import type { Rescue } from './rescue.ts'
import type { Saturation } from './saturation.ts'

const MB = 1024 * 1024
// Disposal gives a fifth of an isolate's memory back to the system, the rest is reused: what is lost shows after hundreds.
const DISPOSED_MAX = 500
// Ids are u32, and must go on growing.
const CALLS_MAX = 2 ** 31
// Calls that ended without an answer: an isolate that has so many of them, never-ending promises, holds them all.
const FORGOTTEN_MAX = 1_000
// A peak that passes costs nobody the state of their modules.
const HIGH_SECONDS = 5
const HIGH = 0.8
// isolated-vm counts heap only; this is for buffers. Garbage that is not collected yet is no offence.
const EXCESS = 1.5

/** How long a cell may be idle: offenders' soon, since anyone may make us start those; one of a tenant's own for a while. */
const IDLE_MS: Readonly<Record<'shared' | 'penalty' | 'dedicated' | 'confined', number>> = {
  shared: 600_000, penalty: 10_000, dedicated: 60_000, confined: 10_000
}

interface Means {
  readonly room: Room
  readonly rescue: Rescue
  readonly saturation: Saturation
  isRetired (module: GuestModule): boolean
  close (cell: Cell): void
}

/** What is done once a second: cells are measured, thinned out, replaced and closed. */
export function tidy (cells: readonly Cell[], now: number, options: Means): void {
  if (options.room.shared > 1) spread(cells, now, options)
  for (const cell of cells) {
    const { purpose, ledger } = cell
    if (cell.end !== undefined || purpose === undefined) continue
    for (const isolate of ledger.isolates.values()) {
      if (isolate.state === 'dropped') continue
      if (isolate.bytes > isolate.home.tenant.limits.memoryMb * MB * EXCESS) options.rescue.expel(cell, isolate, readMark(cell.walled.mark()))
      else if (isolate.forgotten > FORGOTTEN_MAX || (isolate.calls === 0 && options.isRetired(isolate.home.module))) cell.drop(isolate)
    }
    thin(cell, options.room)
    cell.allowance.tighten().catch(() => {})
    if (!cell.draining && isWorn(cell)) cell.drain()
    if (isIdle(cell) && (cell.draining || now - cell.busyAt > IDLE_MS[purpose.kind])) options.close(cell)
    else if (!isIdle(cell) && ledger.isolates.size > 0) cell.measure()
  }
}

/** Has half of the isolates of a cell that has too much to do leave for another, where there may be another. */
function spread (cells: readonly Cell[], now: number, { room, saturation }: Means): void {
  const shared = cells.filter(({ end, draining, purpose }) => end === undefined && !draining && purpose?.kind === 'shared')
  for (const cell of shared) {
    cell.saturated = saturation.isSaturated(cell, now)
    const others = shared.filter(({ purpose }) => purpose?.admin === cell.purpose?.admin).length - 1
    const live = [...cell.ledger.isolates.values()].filter(({ state }) => state === 'live')
    if (cell.saturated && others + 1 < room.shared) for (const isolate of live.slice(0, live.length / 2)) cell.drop(isolate)
  }
}

/** Drops the isolates that were not used for longest, idle ones only, until the others fit. */
export function thin (cell: Cell, room: Room, more = 0): void {
  const live = [...cell.ledger.isolates.values()].filter(({ state }) => state === 'live')
  let count = live.length + more
  let bytes = live.reduce((sum, isolate) => sum + isolate.bytes, 0)
  const fits = (): boolean => count <= room.isolates && bytes <= cell.allowance.bytes / 2
  if (fits()) return
  for (const isolate of live.filter(({ calls }) => calls === 0).sort(byUse)) {
    cell.drop(isolate)
    count--
    bytes -= isolate.bytes
    if (fits()) return
  }
}

function byUse (one: Isolate, other: Isolate): number {
  return one.called - other.called
}

function isWorn (cell: Cell): boolean {
  const isHigh = cell.walled.residentBytes() - cell.idleBytes > cell.allowance.bytes * HIGH
  cell.highSeconds = isHigh ? cell.highSeconds + 1 : 0
  return cell.disposed > DISPOSED_MAX || cell.ledger.last.call > CALLS_MAX || cell.highSeconds >= HIGH_SECONDS
}
