import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'

const STOP_WITHIN_MS = 10_000
/** The end of what a program wrote to stderr: enough to say why it did not start. */
const LAST_WORDS = 4_000
/** USER_HZ, in which Linux tells times, whatever the kernel's own clock is: see proc(5). */
const MICROS_PER_TICK = 10_000
const PAGE_BYTES = 4_096

export interface ProgramSpec {
  readonly command: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** A program under measurement, or one that measures. */
export interface Program {
  readonly pid: number
  readonly child: ChildProcess
  /** The next message, of programs that are our own; their end or the deadline, whichever is first, is an error. */
  message (withinMs: number): Promise<unknown>
  /** Rejects when the program ends, with its last words. */
  readonly ended: Promise<never>
}

/** Starts a program in a process of its own, hands it to `use`, and ends that process whatever happens. */
export async function withProgram<T> ({ command, args, environment }: ProgramSpec, use: (program: Program) => Promise<T>): Promise<T> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'advanced',
    // The environment of whoever measures must not choose: no .env, no settings.
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', ...environment }
  })
  let lastWords = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => { lastWords = (lastWords + text).slice(-LAST_WORDS) })
  const ended = Promise.race([
    once(child, 'error').then(([error]) => error as Error),
    once(child, 'exit').then(([code, signal]) => new Error(`${command} ended with ${code ?? signal}; it said: ${lastWords}`))
  ]).then(error => { throw error })
  // Whoever waits for something races it; at the end it is expected.
  ended.catch(() => {})
  try {
    await Promise.race([once(child, 'spawn'), ended])
    return await use({ pid: child.pid as number, child, ended, message: withinMs => nextMessage(child, ended, withinMs) })
  } finally {
    await stop(child)
  }
}

async function nextMessage (child: ChildProcess, ended: Promise<never>, withinMs: number): Promise<unknown> {
  const deadline = AbortSignal.timeout(withinMs)
  try {
    const [message] = await Promise.race([once(child, 'message', { signal: deadline }), ended])
    return message
  } catch (error) {
    throw deadline.aborted ? new Error(`${child.spawnargs.join(' ').slice(0, 200)} said nothing within ${withinMs / 1000} s`) : error
  }
}

async function stop (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const exit = once(child, 'exit')
  const all = family(child.pid).map(pid => ({ pid, born: birth(pid) }))
  const killAll = () => { for (const { pid, born } of all) if (birth(pid) === born) kill(pid) }
  child.kill('SIGTERM')
  const timer = setTimeout(killAll, STOP_WITHIN_MS)
  await exit
  clearTimeout(timer)
  // Some do not end what they started.
  killAll()
}

function kill (pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** When a process began, which tells it from a later one of the same number. */
function birth (pid: number): string {
  return fieldsOf(pid)[22 - 3] ?? ''
}

/** What /proc/<pid>/stat has after the name, which is in brackets and may hold anything: from the third field on. */
function fieldsOf (pid: number): string[] {
  return read(`/proc/${pid}/stat`).replace(/^.*\) /s, '').split(' ')
}

/** Microseconds of CPU time that a process and all that it started have used; those that it has waited for are in it. */
export function cpuMicros (pid: number): number {
  let ticks = 0
  for (const member of family(pid)) {
    const fields = fieldsOf(member)
    // Its own and those of the children it waited for, each as user and as system.
    for (let i = 14; i <= 17; i++) ticks += Number(fields[i - 3] ?? 0)
  }
  return ticks * MICROS_PER_TICK
}

/** Bytes in memory, of one process. */
export function residentBytes (pid: number): number {
  return Number(read(`/proc/${pid}/statm`).split(' ')[1] ?? 0) * PAGE_BYTES
}

/** A process and all that descend from it, itself first. Linux only: elsewhere itself. */
export function family (pid: number): number[] {
  const pids = [pid]
  // A list that grows while it is walked: parents before their children.
  for (const parent of pids) {
    for (const thread of list(`/proc/${parent}/task`)) {
      pids.push(...read(`/proc/${parent}/task/${thread}/children`).split(' ').filter(Boolean).map(Number))
    }
  }
  return pids
}

/** Processes end while one looks at them. */
function read (path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function list (path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
