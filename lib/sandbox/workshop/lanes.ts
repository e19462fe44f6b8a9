import type { BuilderProcess, Lost, Task } from './builder-process.ts'
import type { Frame } from '../protocol.ts'

/** One process bundles and describes 60 modules a second; more than two would take the processors from calls. */
const PROCESSES_MAX = 2

/** The second module is bundled, by esbuild's own threads, while the first is described. */
const AT_ONCE = 2

/** An admin gets a second process when so many builds wait for the first after so long: at the start of a large app. */
const CROWD = 4
const CROWDED_MS = 300

/** Builders take 150 MB; a change of a file seldom comes alone. */
const IDLE_MS = 10_000

/** How long one admin's builds may keep the others' waiting, once there is no process left. */
const LEASE_MS = 2_000

const BACK_OFF_MS = 500
const BACK_OFF_MAX_MS = 30_000

interface Waiting {
  readonly task: Task
  /** It has already been in a process that died, maybe of it. */
  alone: boolean
  readonly resolve: (answer: Frame) => void
  readonly reject: (error: Error) => void
}

/** A process, or one that starts, and whose it is. */
interface Seat {
  readonly admin: string
  builder: BuilderProcess | undefined
  /** When it was ready. */
  since: number
  idle?: NodeJS.Timeout
}

/** The builder could not be started; it may be next time. */
export class NoBuilder extends Error {}

/** Gives tasks to builders. Tenants of different admins share none; of unpackers, owners: `admin` is one, then. */
export class Lanes {
  readonly #start: (humble: boolean) => Promise<BuilderProcess>
  readonly #waiting = new Map<string, Waiting[]>()
  readonly #seats = new Set<Seat>()
  readonly #opening = new Set<Promise<void>>()
  #closed = false
  #failures = 0
  /** No process is started before. */
  #notBefore = 0
  #why = ''

  /** @param start of a process; `humble` where it is another's second, for what can wait */
  constructor (start: (humble: boolean) => Promise<BuilderProcess>) {
    this.#start = start
  }

  /**
   * @throws {Lost} the process died of it
   * @throws {NoBuilder}
   */
  async run (admin: string, task: Task): Promise<Frame> {
    if (this.#closed) throw new NoBuilder('it is closed')
    if (Date.now() < this.#notBefore && !this.#hasSeat(admin)) throw new NoBuilder(this.#why)
    const { promise, resolve, reject } = Promise.withResolvers<Frame>()
    this.#queueOf(admin).push({ task, alone: false, resolve, reject })
    this.#pump()
    return await promise
  }

  async close (): Promise<void> {
    this.#closed = true
    for (const seat of this.#seats) this.#leave(seat)
    this.#giveUp('it is closed')
    await Promise.all(this.#opening)
  }

  #queueOf (admin: string): Waiting[] {
    let queue = this.#waiting.get(admin)
    if (queue === undefined) this.#waiting.set(admin, queue = [])
    return queue
  }

  #pump (): void {
    for (const seat of this.#seats) this.#feed(seat)
    for (const [admin, queue] of this.#waiting) {
      if (queue.length === 0) this.#waiting.delete(admin)
      else if (!this.#closed && this.#needsSeat(admin, queue.length) && this.#hasRoom()) this.#open(admin)
    }
  }

  #feed (seat: Seat): void {
    const queue = this.#queueOf(seat.admin)
    const { builder } = seat
    if (builder === undefined) return
    for (let next = queue[0]; next !== undefined && !builder.ended; next = queue[0]) {
      if (builder.busy >= (next.alone ? 1 : AT_ONCE) || builder.alone || this.#mustYield(seat)) return
      queue.shift()
      clearTimeout(seat.idle)
      void this.#give(seat, builder, next)
    }
  }

  async #give (seat: Seat, builder: BuilderProcess, waiting: Waiting): Promise<void> {
    try {
      waiting.resolve(await builder.run(waiting.task, waiting.alone))
    } catch (error) {
      this.#afterLoss(seat.admin, waiting, error as Lost)
    }
    if (builder.ended) this.#leave(seat)
    else if (builder.busy === 0) this.#rest(seat)
    this.#pump()
  }

  /** What ran when the process died is to blame. What did not gets one more try, by itself, which tells. */
  #afterLoss (admin: string, waiting: Waiting, error: Lost): void {
    if (this.#closed) waiting.reject(new NoBuilder('it is closed'))
    else if (error.guilty || waiting.alone) waiting.reject(error)
    else this.#queueOf(admin).unshift(Object.assign(waiting, { alone: true }))
  }

  #rest (seat: Seat): void {
    clearTimeout(seat.idle)
    seat.idle = setTimeout(() => this.#leave(seat), IDLE_MS).unref()
  }

  #leave (seat: Seat): void {
    clearTimeout(seat.idle)
    seat.builder?.kill()
    this.#seats.delete(seat)
  }

  #needsSeat (admin: string, waiting: number): boolean {
    const own = [...this.#seats].filter(seat => seat.admin === admin)
    if (own.length === 0) return true
    return own.length === 1 && waiting >= CROWD && own[0]!.builder !== undefined && Date.now() - own[0]!.since > CROWDED_MS && !this.#someoneWaits()
  }

  /** Whether an admin has builds that wait, and no process. */
  #someoneWaits (): boolean {
    return [...this.#waiting].some(([admin, queue]) => queue.length > 0 && !this.#hasSeat(admin))
  }

  #hasSeat (admin: string): boolean {
    return [...this.#seats].some(seat => seat.admin === admin)
  }

  /** Ends a process that does nothing where that makes room. */
  #hasRoom (): boolean {
    if (this.#seats.size < PROCESSES_MAX) return true
    const free = [...this.#seats].find(({ builder }) => builder?.busy === 0)
    if (free !== undefined) this.#leave(free)
    return free !== undefined
  }

  /** The process is given up as soon as its builds under way are done. */
  #mustYield (seat: Seat): boolean {
    if (this.#seats.size < PROCESSES_MAX || !this.#someoneWaits()) return false
    const second = [...this.#seats].some(other => other !== seat && other.admin === seat.admin)
    return second || Date.now() - seat.since > LEASE_MS
  }

  #open (admin: string): void {
    const seat: Seat = { admin, builder: undefined, since: 0 }
    this.#seats.add(seat)
    const opening = this.#seatBuilder(seat).finally(() => {
      this.#opening.delete(opening)
      this.#pump()
    })
    this.#opening.add(opening)
  }

  async #seatBuilder (seat: Seat): Promise<void> {
    try {
      // A second one is for what can wait.
      const builder = await this.#start([...this.#seats].some(other => other !== seat && other.admin === seat.admin))
      this.#failures = 0
      seat.since = Date.now()
      seat.builder = builder
      if (this.#closed) this.#leave(seat)
      else this.#rest(seat)
    } catch (error) {
      this.#seats.delete(seat)
      this.#failures++
      this.#notBefore = Date.now() + Math.min(BACK_OFF_MS * 2 ** this.#failures, BACK_OFF_MAX_MS)
      this.#why = `the process that builds modules cannot be started: ${(error as Error).message}`
      this.#giveUp(this.#why)
    }
  }

  /** On all that waits, but for what another process will get to. */
  #giveUp (why: string): void {
    for (const [admin, queue] of this.#waiting) {
      if (this.#closed || !this.#hasSeat(admin)) for (const { reject } of queue.splice(0)) reject(new NoBuilder(why))
    }
  }
}
