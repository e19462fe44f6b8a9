import { availableParallelism } from 'node:os'
import type { SandboxStatus } from '../../types/status.ts'
import { platformError } from '../errors.ts'
import type { GuestModule, Outcome, SandboxCall } from './pool/call.ts'
import { Wall, type Program } from './layers.ts'
import { roomFor } from './pool/placement.ts'
import { Pool, type SandboxLog } from './pool/pool.ts'
import { loadPrelude } from './prelude.ts'
import { cellProgram } from './program.ts'

export type { GuestModule, Outcome, SandboxCall, Tenant } from './pool/call.ts'
export type { SandboxLog }

export interface SandboxOptions {
  /** Run although the system denies a layer. */
  readonly weakened: boolean
  readonly production: boolean
  /** Of all cells together. */
  readonly memoryMb: number
  readonly log: SandboxLog
}

interface Shared {
  readonly options: SandboxOptions
  readonly opening: Promise<{ wall: Wall, pool: Pool }>
  users: number
}

/** One for the whole process: cells are costly, and prefixes of one app, or apps of one process, share them. */
let shared: Shared | undefined

/** Runs tenants' functions, in isolates of child processes. */
export class Sandbox {
  /** The wall that stands around each cell; the builder's process wants the same. */
  readonly wall: Wall
  readonly #pool: Pool
  readonly #shared: Shared
  #released = false

  private constructor (wall: Wall, pool: Pool, of: Shared) {
    this.wall = wall
    this.#pool = pool
    this.#shared = of
  }

  /**
   * The process's sandbox; no cell is started before the first call. Each holder must `release()` it.
   *
   * @throws `FMS_ERR_OPTIONS` where it is in use with other options, `FMS_ERR_LAYERS` where the system is not safe
   */
  static async acquire (options: SandboxOptions): Promise<Sandbox> {
    const of = shared ??= { options, opening: open(options), users: 0 }
    const differing = (['weakened', 'production', 'memoryMb'] as const).filter(name => of.options[name] !== options[name])
    if (differing.length > 0) {
      const wanted = differing.map(name => `${name} ${of.options[name]}, found ${options[name]}`).join('; ')
      throw platformError('FMS_ERR_OPTIONS', `all sandboxes of a process share their cells: expected sandbox options as at the first registration: ${wanted}`)
    }
    of.users++
    try {
      const { wall, pool } = await of.opening
      return new Sandbox(wall, pool, of)
    } catch (error) {
      leave(of)
      throw error
    }
  }

  /** @throws `FMS_ERR_TIMEOUT`, `FMS_ERR_CRASH`, `FMS_ERR_RESPONSE`, `FMS_ERR_UNAVAILABLE` */
  call (call: SandboxCall): Promise<Outcome> {
    return this.#pool.call(call)
  }

  /** Rejects a call with the reason, and has its cell forget it; nothing happens where it has ended. */
  cancel (call: SandboxCall, reason: Error): void {
    this.#pool.cancel(call, reason)
  }

  /** This version is served no more: its isolate goes as soon as it is idle. */
  retire (module: GuestModule): void {
    this.#pool.retire(module)
  }

  status (): SandboxStatus {
    return this.#pool.status()
  }

  /** The last to do so ends all cells. */
  async release (): Promise<void> {
    if (this.#released) return
    this.#released = true
    if (!leave(this.#shared)) return
    process.off('exit', this.#pool.killAll)
    await this.#pool.close()
    // The builder is closed before: no child is left.
    this.wall.close()
  }
}

/** Whether that was the last one. */
function leave (of: Shared): boolean {
  of.users--
  if (of.users > 0) return false
  if (shared === of) shared = undefined
  return true
}

async function open ({ weakened, production, memoryMb, log }: SandboxOptions): Promise<{ wall: Wall, pool: Pool }> {
  const wall = await Wall.detect({ weakened, production })
  if (wall.warning !== undefined) log.warn({}, wall.warning)
  const starter = { start: (program: Program) => wall.start(program), program: cellProgram, hello: loadPrelude }
  const pool = new Pool({ starter, layers: wall.layers, room: roomFor(memoryMb, availableParallelism()), log })
  process.on('exit', pool.killAll)
  return { wall, pool }
}
