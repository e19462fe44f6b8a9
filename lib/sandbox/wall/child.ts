import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import { constants, devNull, setPriority } from 'node:os'
import type { Duplex, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { SOCKET_DESCRIPTOR } from '../protocol.ts'
import { type Candidate, hasUserNamespace, INPUT_DESCRIPTOR } from './candidate.ts'
import { inheritedDescriptors } from './inherited.ts'
import { dataBytesOf, limitData, limitThreads } from './limits.ts'
import { Mark } from './mark.ts'
import { childrenOf, residentBytesOf } from './process.ts'
import type { Prepared } from './program.ts'

/** A running child, behind its wall. */
export interface Walled {
  /** Node's own pid, as the host sees it. */
  readonly pid: number
  /** Its descriptor 3. */
  readonly socket: Duplex
  /** Resolves when it is gone, and never rejects. */
  readonly exited: Promise<Exit>
  /** The end of its stderr. */
  lastWords (): string
  /** The mark that it shares: its descriptor 4. */
  mark (): Buffer
  /** Memory that it has now; 0 where that is unknown. */
  residentBytes (): number
  /**
   * Limits its data memory to what it had at the first call and `extraBytes`, until the next call; rejects where that
   * cannot be done.
   */
  limitData (extraBytes: number): Promise<void>
  /** For those that hold the processor. */
  lowerPriority (): void
  /** Kills all of it. May be called again. */
  kill (): void
}

export interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

const LAST_WORDS_BYTES = 4_096
/** From a start to the pid: a busy machine takes 0.1 s. */
const START_MS = 10_000
/** What was written before the end is read by then; a process that holds stderr open may never let go. */
const DRAIN_MS = 1_000
const LOW_PRIORITY = 10
const RENICE = '/usr/bin/renice'
// A shell's word for a death by signal, which bubblewrap uses as well.
const SIGNALLED = 128

export class Child implements Walled {
  readonly socket: Duplex
  readonly exited: Promise<Exit>
  readonly #process: ChildProcess
  readonly #candidate: Candidate
  readonly #mark: Mark
  #pid = 0
  #lastWords: Buffer = Buffer.alloc(0)
  #restBytes: number | undefined
  #isGone = false
  #isKilled = false

  /** Starts the program; resolves as soon as its pid is known. Rejects, with its last words, where it ends before. */
  static async start (candidate: Candidate, program: Prepared): Promise<Child> {
    const child = new Child(candidate, program)
    const timer = new AbortController()
    try {
      await Promise.race([
        child.#find(program),
        child.exited.then(() => { throw child.#problem() }),
        delay(START_MS, undefined, { signal: timer.signal }).then(() => { throw new Error(`it did not start within ${START_MS / 1000} s`) })
      ])
      return child
    } catch (error) {
      child.kill()
      throw error
    } finally {
      timer.abort()
    }
  }

  private constructor (candidate: Candidate, program: Prepared) {
    this.#candidate = candidate
    this.#mark = new Mark()
    try {
      this.#process = launch(candidate, program, this.#mark.descriptor)
    } catch (error) {
      this.#mark.close()
      throw error
    }
    this.socket = this.#process.stdio[SOCKET_DESCRIPTOR] as Duplex
    // Whoever reads it learns of its end by `exited`; nobody may read it.
    this.socket.on('error', () => {})
    this.#process.stderr?.on('error', () => {}).on('data', (chunk: Buffer) => {
      this.#lastWords = Buffer.concat([this.#lastWords, chunk]).subarray(-LAST_WORDS_BYTES)
    })
    this.exited = this.#end()
  }

  get pid (): number {
    return this.#pid
  }

  async #find (program: Prepared): Promise<void> {
    this.#pid = await this.#candidate.find(this.#process)
    try {
      if (hasUserNamespace(this.#candidate)) await limitThreads(this.#pid, program, this.#candidate.identity.child)
    } catch (error) {
      // It may have ended meanwhile, and its own words tell more.
      await Promise.race([this.exited, delay(DRAIN_MS)])
      throw this.#isGone ? this.#problem() : error
    }
  }

  #problem (): Error {
    return new Error(this.lastWords().trim() || 'it ended at once, without a word')
  }

  async #end (): Promise<Exit> {
    const { promise, resolve } = Promise.withResolvers<Exit>()
    this.#process.once('exit', (code, signal) => resolve(exitOf(code, signal)))
    this.#process.on('error', error => {
      this.#lastWords = Buffer.from(error.message)
      // It was never started; errors of a signal that could not be sent come later, and have a pid.
      if (this.#process.pid === undefined) resolve({ code: null, signal: null })
    })
    const exit = await promise
    this.#isGone = true
    this.#mark.close()
    const { stderr } = this.#process
    const timer = new AbortController()
    if (stderr?.closed === false) {
      await Promise.race([
        once(stderr, 'close', { signal: timer.signal }),
        delay(DRAIN_MS, undefined, { signal: timer.signal, ref: false })
      ]).catch(() => {}).finally(() => timer.abort())
    }
    stderr?.destroy()
    // Walls have various words for it.
    return this.#isKilled ? { code: null, signal: 'SIGKILL' } : exit
  }

  lastWords (): string {
    return this.#lastWords.toString()
  }

  mark (): Buffer {
    return this.#mark.read()
  }

  residentBytes (): number {
    return this.#isGone ? 0 : residentBytesOf(this.#pid)
  }

  async limitData (extraBytes: number): Promise<void> {
    this.#restBytes ??= dataBytesOf(this.#pid)
    await limitData(this.#pid, this.#restBytes + extraBytes, this.#candidate.identity.child)
  }

  lowerPriority (): void {
    if (this.#isGone) return
    try {
      setPriority(this.#pid, LOW_PRIORITY)
    } catch {
      // Root in a container may lack CAP_SYS_NICE; the child's own user may always be nicer.
      execFile(RENICE, ['-n', String(LOW_PRIORITY), '-p', String(this.#pid)], { ...this.#candidate.identity.child, env: {}, cwd: '/' }, () => {})
    }
  }

  kill (): void {
    const { pid } = this.#process
    if (this.#isGone || pid === undefined) return
    this.#isKilled = true
    // The first process of the namespace takes all others with it. Its parent is left to reap it, or it would stay on
    // the list of processes where the app is the first of its container. As children of one that is not reaped yet, the
    // pids are nobody else's.
    const inner = this.#candidate.by === 'none' ? [-pid] : childrenOf(pid)
    if (!inner.some(signal)) this.#process.kill('SIGKILL')
  }
}

function signal (pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}

function launch (candidate: Candidate, program: Prepared, mark: number): ChildProcess {
  const { file, arguments: given, reports, input } = candidate.command(program)
  const nothing = openSync(devNull, 'r')
  try {
    const child = spawn(file, given, {
      ...candidate.identity.launcher,
      env: {},
      cwd: '/',
      // Where no namespace holds its processes together, a group does.
      detached: candidate.by === 'none',
      stdio: descriptorsOf([mark, ...(reports ? ['pipe' as const] : []), ...(input === undefined ? [] : ['pipe' as const])], nothing)
    })
    if (input !== undefined) (Array.from<unknown>(child.stdio)[INPUT_DESCRIPTOR] as Writable).on('error', () => {}).end(input)
    // Whoever waits for a child has a timer; a child that is forgotten must not keep the app alive, and ends with it.
    child.unref()
    for (const stream of child.stdio) (stream as Partial<Socket> | null)?.unref?.()
    return child
  } finally {
    closeSync(nothing)
  }
}

/** With `nothing` in the place of all that would be handed on as well. */
function descriptorsOf (own: ReadonlyArray<number | 'pipe'>, nothing: number): Array<number | 'pipe' | 'ignore'> {
  const descriptors: Array<number | 'pipe' | 'ignore'> = ['ignore', 'ignore', 'pipe', 'pipe', ...own]
  for (const descriptor of inheritedDescriptors()) descriptors[descriptor] ??= nothing
  return Array.from(descriptors, descriptor => descriptor ?? 'ignore')
}

function exitOf (code: number | null, signal: string | null): Exit {
  if (code === null || code <= SIGNALLED) return { code, signal }
  const [name] = Object.entries(constants.signals).find(([, number]) => number === code - SIGNALLED) ?? []
  return name === undefined ? { code, signal } : { code: null, signal: name }
}
