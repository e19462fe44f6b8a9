import type { CellStatus, Layers, SandboxStatus } from '../../../types/status.ts'
import { Pending, type GuestModule, type Home, type Outcome, type SandboxCall, type Tenant } from './call.ts'
import { Cell, type Purpose } from './cell.ts'
import { record, refuse } from './entries.ts'
import { isPlatformError, messageOf, unavailable } from '../../errors.ts'
import { Nursery, type Starter } from './nursery.ts'
import { keyOf, Offences } from './offences.ts'
import { allowanceOf, place, spareable, type Room, type Stock } from './placement.ts'
import { Rescue } from './rescue.ts'
import { Saturation } from './saturation.ts'
import { thin, tidy } from './upkeep.ts'
import { Watch } from './watch.ts'

export interface SandboxLog {
  warn (fields: object, message: string): void
  error (fields: object, message: string): void
}

// More than a tenant's calls at once can be: whoever lets more of them through has no limit of their own.
const QUEUE_MAX = 10_000
// A cell that was found may be gone when the script is there. More often than this, something is wrong with all.
const TRIES_MAX = 5

/** Has tenants' calls run by cells, and knows which module's isolate is where. */
export class Pool {
  readonly #layers: Layers
  readonly #room: Room
  readonly #log: SandboxLog
  readonly #nursery: Nursery
  readonly #offences = new Offences()
  readonly #rescue: Rescue
  readonly #watch: Watch
  readonly #homes = new WeakMap<GuestModule, Home>()
  readonly #retired = new WeakSet<GuestModule>()
  /** Homes with calls that have no isolate yet. */
  readonly #waiting = new Set<Home>()
  /** Cells that are being started, by their purpose. */
  readonly #opening = new Map<string, { purpose: Purpose, opened: Promise<void> }>()
  readonly #closing = new Set<Promise<void>>()
  #closed = false

  constructor ({ starter, layers, room, log }: { starter: Starter, layers: Layers, room: Room, log: SandboxLog }) {
    this.#layers = layers
    this.#room = room
    this.#log = log
    const rescue = this.#rescue = new Rescue({
      offences: this.#offences,
      again: pending => this.#route(pending),
      refuge: purpose => this.#refuge(purpose),
      gone: cell => this.#nursery.lost(cell),
      warn: (fields, message) => log.warn(fields, message)
    })
    this.#nursery = new Nursery({ starter, observer: rescue, log, bytes: room.sharedBytes, holdsData: layers.data })
    const saturation = new Saturation()
    const upkeep = (now: number): void => tidy(this.#cells(), now, {
      room, rescue, saturation, isRetired: module => this.#retired.has(module), close: cell => { void this.#close(cell) }
    })
    this.#watch = new Watch({ cells: () => this.#cells(), waiting: this.#waiting, rescue, upkeep })
  }

  /** @throws `FMS_ERR_TIMEOUT`, `FMS_ERR_CRASH`, `FMS_ERR_RESPONSE`, `FMS_ERR_UNAVAILABLE` */
  call (call: SandboxCall): Promise<Outcome> {
    return new Promise((resolve, reject) => this.#route(new Pending(call, resolve, reject)))
  }

  /** Nobody waits for it any more: it is rejected with the reason. Nothing happens where it has ended. */
  cancel (call: SandboxCall, reason: Error): void {
    for (const { queue } of this.#waiting) {
      const index = queue.findIndex(pending => pending.call === call)
      if (index !== -1) return queue.splice(index, 1)[0]?.reject(reason)
    }
    for (const cell of this.#cells()) {
      for (const pending of cell.ledger.calls.values()) {
        if (pending.call !== call) continue
        pending.reject(reason)
        return cell.forget(pending)
      }
    }
  }

  retire (module: GuestModule): void {
    this.#retired.add(module)
    const isolate = this.#homes.get(module)?.isolate
    if (isolate?.calls === 0) isolate.cell.drop(isolate)
  }

  status (): SandboxStatus {
    const cells = [...this.#nursery.cells].filter(({ end, isReady }) => isReady && end === undefined).map(statusOf)
    const isolates = cells.reduce((sum, { isolates }) => sum + isolates, 0)
    return { layers: this.#layers, cells, isolates, kills: { ...this.#rescue.kills } }
  }

  /** For process.exit(), where nobody closes anything. */
  readonly killAll = (): void => {
    for (const cell of this.#nursery.cells) cell.walled.kill()
  }

  async close (): Promise<void> {
    this.#closed = true
    this.#watch.stop()
    for (const { queue } of this.#waiting) for (const pending of queue.splice(0)) pending.reject(unavailable('the app is closing'))
    const cells = [...this.#nursery.cells].map(cell => this.#close(cell))
    await Promise.all([this.#nursery.close(), ...cells, ...this.#closing])
  }

  #cells (): Cell[] {
    return [...this.#nursery.cells].filter(({ purpose }) => purpose !== undefined)
  }

  #route (pending: Pending): void {
    if (this.#closed) return pending.reject(unavailable('the app is closing'))
    const home = this.#homeOf(pending.call)
    this.#watch.wake()
    if (home.isolate !== undefined) return home.isolate.cell.send(home.isolate, pending)
    if (home.failure !== undefined && performance.now() < home.failure.until) return refuse(pending, 'FMS_ERR_CRASH', home.failure.message, home)
    if (home.queue.length >= QUEUE_MAX) return pending.reject(unavailable('too many calls wait for the module'))
    home.queue.push(pending)
    if (!home.loading) void this.#house(home)
  }

  #homeOf ({ tenant, module }: SandboxCall): Home {
    const known = this.#homes.get(module)
    if (known !== undefined) {
      if (known.tenant === tenant || isSame(known.tenant, tenant)) return known
      // Its limits or its environment have changed: what runs, ends as it began.
      if (known.isolate !== undefined) known.isolate.cell.drop(known.isolate)
    }
    const home: Home = { tenant, module, isolate: undefined, queue: [], loading: false, failure: undefined, logged: { since: 0, bytes: 0 } }
    this.#homes.set(module, home)
    return home
  }

  /** Finds or makes an isolate for a module, and sends it what waits. */
  async #house (home: Home): Promise<void> {
    const { tenant, module, queue } = home
    home.loading = true
    this.#waiting.add(home)
    try {
      // At once: a cell may take longer to start than this to read.
      const reading = module.script()
      reading.catch(() => {})
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        const { cell, alone } = this.#place(tenant)
        if (!(cell instanceof Cell)) {
          await this.#open(cell, tenant)
          continue
        }
        thin(cell, this.#room, 1)
        const isolate = await cell.load(home, await reading, alone, () => this.#place(tenant).cell === cell)
        // The cell changed meanwhile.
        if (isolate === undefined) continue
        home.isolate = isolate
        for (const pending of queue.splice(0)) cell.send(isolate, pending)
        // The tenant has other limits by now, and later calls another home.
        if (this.#homes.get(module) !== home) cell.drop(isolate)
        return
      }
      throw unavailable('no cell lived long enough')
    } catch (error) {
      const problem = isPlatformError(error) ? error : unavailable(`the module's script cannot be read: ${messageOf(error)}`)
      record(home, { level: 'error', message: problem.message, code: 'FMS_ERR_UNAVAILABLE' })
      for (const pending of queue.splice(0)) pending.reject(problem)
    } finally {
      home.loading = false
      this.#waiting.delete(home)
    }
  }

  #place (tenant: Tenant): { cell: Cell | Purpose, alone: boolean } {
    const offence = this.#offences.of(tenant, performance.now())
    return { cell: place(tenant, offence !== undefined, this.#stock(), this.#room), alone: offence?.alone ?? false }
  }

  async #refuge (purpose: Purpose): Promise<void> {
    const others = this.#cells().filter(({ end, draining, held }) => end === undefined && !draining && !held)
    if (others.some(other => other.purpose?.admin === purpose.admin && other.purpose.kind === purpose.kind)) return
    await this.#open(purpose)
  }

  /** Has a new cell for that purpose; those who want the same wait for the same. */
  async #open (purpose: Purpose, tenant?: Tenant): Promise<void> {
    const key = `${purpose.kind} ${'owner' in purpose ? `${keyOf(purpose)} ${purpose.hardened}` : purpose.admin}`
    const opened = this.#opening.get(key)?.opened ?? this.#start(purpose, tenant).finally(() => this.#opening.delete(key))
    this.#opening.set(key, { purpose, opened })
    await opened
  }

  /** The cells there are, and those that will be. */
  #stock (): Stock {
    return { cells: this.#cells(), opening: [...this.#opening.values()].map(({ purpose }) => purpose) }
  }

  async #start (purpose: Purpose, tenant: Tenant | undefined): Promise<void> {
    const victim = spareable(this.#stock(), purpose, this.#room)
    if (victim === 'none') throw unavailable('all cells are busy')
    if (victim !== undefined) void this.#close(victim)
    const allowed = tenant === undefined ? this.#room.sharedBytes : allowanceOf(purpose, tenant, this.#room)
    const cell = await this.#nursery.take('owner' in purpose && purpose.hardened, allowed)
    cell.busyAt = performance.now()
    cell.purpose = purpose
  }

  #close (cell: Cell): Promise<void> {
    const closing = cell.close().finally(() => {
      this.#nursery.lost(cell)
      this.#closing.delete(closing)
    })
    this.#closing.add(closing)
    return closing
  }
}

/** A tenant may come as another object with every call. */
function isSame (one: Tenant, other: Tenant): boolean {
  return one.admin === other.admin && one.owner === other.owner && one.isolation === other.isolation && one.webAssembly === other.webAssembly &&
    sameEntries(one.limits, other.limits) && sameEntries(one.environment, other.environment)
}

function sameEntries (one: object, other: object): boolean {
  return one === other || JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(other).sort())
}

function statusOf ({ walled, purpose, ledger, hardened }: Cell): CellStatus {
  const use = purpose === undefined ? 'standby' : hardened ? 'hardened' : 'owner' in purpose ? 'dedicated' : 'shared'
  return {
    pid: walled.pid,
    use,
    ...(purpose !== undefined && 'owner' in purpose && { owner: purpose.owner }),
    isolates: ledger.isolates.size,
    residentBytes: walled.residentBytes()
  }
}
