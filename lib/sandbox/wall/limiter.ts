import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { Credentials } from './candidate.ts'

export const PRLIMIT = '/usr/bin/prlimit'

/** Nothing but a machine out of processes takes this long. */
const MS = 5_000

/** A line in, `<pid> <option of prlimit>`; a line out, empty where it was done, else what prlimit says. */
const SCRIPT = `while read -r pid limit; do echo $(${PRLIMIT} --pid "$pid" "$limit" 2>&1 || echo "prlimit ended with $?"); done`

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/**
 * Limits processes by prlimit, started by a shell that stays: to fork the app itself copies its page tables, which holds
 * its event loop for as long as it is large (40 ms at 250 MB), and a limit changes with each isolate. The shell
 * ends with the app, whose end of its stdin it reads.
 */
class Limiter {
  readonly #shell: ChildProcess
  readonly #waiting: Waiting[] = []
  isEnded = false

  constructor (credentials: Credentials | undefined) {
    // As the children's own user, who may always do that: root may not where it is without CAP_SYS_RESOURCE, as in a container.
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT], { ...credentials, env: {}, cwd: '/', stdio: ['pipe', 'pipe', 'ignore'] })
    const { stdin, stdout } = this.#shell
    createInterface({ input: stdout! }).on('line', line => {
      const waiting = this.#waiting.shift()
      if (line === '') waiting?.resolve()
      else waiting?.reject(new Error(line))
    })
    stdin!.on('error', error => this.#end(error))
    this.#shell.on('error', error => this.#end(error))
    this.#shell.on('exit', () => this.#end(new Error('its shell ended')))
    // Whoever waits holds the process by the deadline's timer.
    this.#shell.unref()
    for (const stream of [stdin, stdout]) (stream as Socket).unref()
  }

  async limit (pid: number, limit: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => this.#end(new Error(`no answer within ${MS / 1000} s`)), MS)
    this.#waiting.push({ resolve, reject })
    this.#shell.stdin!.write(`${pid} ${limit}\n`)
    try {
      await promise
    } finally {
      clearTimeout(timer)
    }
  }

  close (): void {
    this.#end(new Error('it is closed'))
  }

  #end (error: Error): void {
    this.isEnded = true
    for (const { reject } of this.#waiting.splice(0)) reject(error)
    this.#shell.kill('SIGKILL')
  }
}

const limiters = new Map<number | undefined, Limiter>()

/** The limiter of a user's processes; a new one where the last one ended. */
export function limiterOf (credentials: Credentials | undefined): Limiter {
  let limiter = limiters.get(credentials?.uid)
  if (limiter === undefined || limiter.isEnded) limiters.set(credentials?.uid, limiter = new Limiter(credentials))
  return limiter
}

/** Ends the shells; the next limit starts one again. */
export function closeLimiters (): void {
  for (const limiter of limiters.values()) limiter.close()
  limiters.clear()
}
