import type { Tenant } from './call.ts'
import type { Cell, Purpose } from './cell.ts'

const MB = 1024 * 1024

/** What the pool may take, in numbers. */
export interface Room {
  /** Cells at once, the one that stands by included. */
  readonly cells: number
  /** Shared cells of one admin. */
  readonly shared: number
  /** Cells that belong to one offender each. */
  readonly confined: number
  /** What a shared cell may have beyond what it has when idle, and how many isolates that is. */
  readonly sharedBytes: number
  readonly isolates: number
}

/** Cells with a purpose, and the purposes of those that are being started. */
export interface Stock {
  readonly cells: readonly Cell[]
  readonly opening: readonly Purpose[]
}

// An isolate with prelude and module is 1.6 MB, and 4 MB after some thousand calls. This is for the idle: where the busy
// take more, memory is what counts, since to dispose of those that are in use costs more than all else.
const ISOLATE_BYTES = 2 * MB
// Of an idle cell, about.
const CELL_BYTES = 64 * MB
// Garbage that is not collected yet, and what V8 and Node take for themselves beside the isolates.
export const OVERHEAD_BYTES = 32 * MB

/**
 * @param memoryMb of all cells together. Half of it goes to a shared cell: ordinary isolates may fill three quarters of
 * that, the rest is for those that need more. More than a few cells of offenders only help offenders.
 */
export function roomFor (memoryMb: number, cores: number): Room {
  const sharedBytes = Math.max(memoryMb / 2, 128) * MB
  return {
    cells: Math.max(4, Math.floor(memoryMb * MB / CELL_BYTES)),
    shared: Math.max(1, Math.min(2, cores - 1)),
    confined: 4,
    sharedBytes,
    isolates: Math.floor(sharedBytes * 0.75 / ISOLATE_BYTES)
  }
}

/** Bytes that a cell may have beyond what it has when idle. A tenant may have several modules, of `memoryMb` each. */
export function allowanceOf ({ kind }: Purpose, tenant: Tenant, room: Room): number {
  return kind === 'shared' || kind === 'penalty' ? room.sharedBytes : ownAllowance(tenant)
}

export function ownAllowance ({ limits }: Tenant): number {
  return 2 * limits.memoryMb * MB + OVERHEAD_BYTES
}

/** Which cell a tenant's next isolate goes to, or what a new one is to be for. */
export function place (tenant: Tenant, offender: boolean, stock: Stock, room: Room): Cell | Purpose {
  const { admin, owner, isolation, limits, webAssembly } = tenant
  const open = stock.cells.filter(cell => isOpen(cell) && cell.purpose?.admin === admin)
  const hardened = isolation === 'hardened'
  const own = open.find(({ purpose, hardened: is }) => is === hardened && purpose !== undefined && 'owner' in purpose && purpose.owner === owner)
  // Its neighbours would have too little; or it can take what V8 does not count as an isolate's, so that nobody could be blamed.
  const isExcessive = 2 * limits.memoryMb * MB > room.sharedBytes || webAssembly
  if (isolation !== 'shared' || isExcessive) return own ?? { kind: 'dedicated', admin, owner, hardened }
  if (offender) return own ?? placeOffender(tenant, open, stock, room)
  const shared = open.filter(({ purpose }) => purpose?.kind === 'shared')
  const [least] = shared.toSorted((one, other) => one.ledger.isolates.size - other.ledger.isolates.size)
  if (least === undefined || (least.saturated && shared.length < room.shared)) return { kind: 'shared', admin }
  return least
}

/** Offenders get a few cells; when those are taken, the others have one in common, so that they only harm one another. */
function placeOffender ({ admin, owner }: Tenant, open: readonly Cell[], { cells, opening }: Stock, room: Room): Cell | Purpose {
  const confined = cells.filter(({ purpose, end }) => purpose?.kind === 'confined' && end === undefined)
  const coming = opening.filter(({ kind }) => kind === 'confined')
  const isComing = coming.some(purpose => 'owner' in purpose && purpose.owner === owner && purpose.admin === admin)
  // An idle one makes room, unless that was promised to another already.
  const places = room.confined - confined.filter(cell => !isIdle(cell)).length - coming.length
  if (isComing || places > 0) return { kind: 'confined', admin, owner, hardened: false }
  return open.find(({ purpose }) => purpose?.kind === 'penalty') ?? { kind: 'penalty', admin }
}

/** The cell to be closed so that another one may start: who has not been used for longest, offenders first. */
export function spareable ({ cells, opening }: Stock, purpose: Purpose, room: Room): Cell | 'none' | undefined {
  const used = cells.filter(({ end }) => end === undefined)
  const idle = used.filter(isIdle).toSorted((one, other) => one.busyAt - other.busyAt)
  const isConfined = (cell: Cell): boolean => cell.purpose?.kind === 'confined'
  const confined = used.filter(isConfined).length + opening.filter(({ kind }) => kind === 'confined').length
  if (purpose.kind === 'confined' && confined >= room.confined) return idle.find(isConfined) ?? 'none'
  // One place is that of the cell that stands by.
  if (used.length + opening.length < room.cells - 1) return undefined
  return idle.find(isConfined) ?? idle[0] ?? 'none'
}

function isOpen ({ end, draining, held }: Cell): boolean {
  return end === undefined && !draining && !held
}

export function isIdle ({ ledger }: Cell): boolean {
  return ledger.calls.size === 0
}
