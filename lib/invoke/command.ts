import { setTimeout as delay } from 'node:timers/promises'
import { platformError } from '../errors.ts'
import { Execution, type Program } from './execution.ts'
import { WaitingLine } from './line.ts'
import type { ProgramLog } from './stderr.ts'

export type { Program, ProgramLog }

// SIGKILL takes milliseconds; only a process stuck in the kernel (a dead network disk) outlasts this, and nothing helps there.
const CLOSE_MS = 5_000

/**
 * Runs programs as endpoints: JSON to stdin, JSON from stdout, stderr to the log.
 *
 * Each is the leader of a process group of its own, which is killed as a whole when the call ends, however it ends: no
 * background process outlives its call. Known weakness: a process that calls setsid() leaves the group and lives on,
 * and so do running programs when the app itself dies of a signal without being closed.
 */
export class ProgramRunner {
  readonly #path: string | undefined
  readonly #outputBytes: number
  readonly #line: WaitingLine
  readonly #running = new Map<Execution, Promise<unknown>>()
  #closed = false

  /**
   * @param options `path`: PATH of the programs, where they do not set their own. A program may well take 100 MB, so
   * few run at once (16); many may wait (256), as a waiting call costs its arguments only. `outputBytes` is 1 MB, as
   * Fastify's own limit for bodies.
   */
  constructor (options: { path: string | undefined, concurrency?: number, waiting?: number, outputBytes?: number }) {
    const { path, concurrency = 16, waiting = 256, outputBytes = 1_048_576 } = options
    this.#path = path
    this.#outputBytes = outputBytes
    this.#line = new WaitingLine(concurrency, waiting)
  }

  /**
   * Resolves to what the program wrote to stdout, parsed, or to undefined when it wrote nothing.
   *
   * @throws the signal's reason as soon as it is aborted; else `FMS_ERR_BUSY`, `FMS_ERR_CRASH`, `FMS_ERR_RESPONSE`, `FMS_ERR_UNAVAILABLE`.
   */
  async run (program: Program, input: string, options: { signal: AbortSignal, log: ProgramLog }): Promise<unknown> {
    const { signal, log } = options
    if (this.#closed) throw platformError('FMS_ERR_UNAVAILABLE', 'the app is closing')
    await this.#line.enter(signal)
    // Between being admitted and going on here, both may have changed.
    if (this.#closed || signal.aborted) {
      this.#line.leave()
      throw signal.aborted ? signal.reason : platformError('FMS_ERR_UNAVAILABLE', 'the app is closing')
    }
    const env = { ...(this.#path !== undefined && { PATH: this.#path }), ...program.env }
    const execution = new Execution({ ...program, env }, this.#outputBytes, log)
    const abort = () => execution.stop(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await Promise.race([this.#track(execution, input), execution.stopped])
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** Keeps the place in the line until the process is gone, which is later than an aborted call is answered. */
  #track (execution: Execution, input: string): Promise<unknown> {
    if (this.#running.size === 0) process.on('exit', this.#killAll)
    const execute = execution.execute(input).finally(() => {
      this.#running.delete(execution)
      if (this.#running.size === 0) process.off('exit', this.#killAll)
      this.#line.leave()
    })
    this.#running.set(execution, execute)
    return execute
  }

  // For process.exit() and uncaught errors, where nobody closes the app.
  readonly #killAll = () => {
    for (const execution of this.#running.keys()) execution.kill()
  }

  /** Refuses new calls, ends the waiting and the running ones (`FMS_ERR_UNAVAILABLE`), and resolves when all processes are gone. */
  async close (): Promise<void> {
    this.#closed = true
    this.#line.close()
    for (const execution of this.#running.keys()) execution.stop(platformError('FMS_ERR_UNAVAILABLE', 'the app is closing'))
    const timer = new AbortController()
    await Promise.race([
      Promise.allSettled(this.#running.values()),
      delay(CLOSE_MS, undefined, { signal: timer.signal, ref: false }).catch(() => {})
    ])
    timer.abort()
  }
}
