import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Test } from 'tap'

/** Generous: the machine may be busy with other tests. */
export const WITHIN_MS = 60_000

export const program = join(import.meta.dirname, '../../lib/cli/main.ts')

export interface Ended {
  /** Or the name of the signal that ended it. */
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

export interface Place {
  readonly directory?: string
  /** And PATH, and nothing else. */
  readonly environment?: Record<string, string>
  readonly input?: string
  readonly uid?: number
}

/** The program, as it runs. */
export class Program {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  #written = { stdout: '', stderr: '' }

  constructor (t: Test, args: readonly string[], { directory = import.meta.dirname, environment = {}, input, uid }: Place = {}) {
    const env = { PATH: process.env['PATH'] ?? '', ...environment }
    this.child = spawn(process.execPath, [program, ...args], { cwd: directory, env, timeout: WITHIN_MS, killSignal: 'SIGKILL', ...uid !== undefined && { uid } })
    t.teardown(() => this.child.kill('SIGKILL'))
    this.child.stdin!.on('error', () => {}).end(input)
    for (const name of ['stdout', 'stderr'] as const) this.child[name]!.setEncoding('utf8').on('data', (text: string) => { this.#written[name] += text })
    this.ended = once(this.child, 'close').then(([code, signal]) => ({ code: code ?? signal, ...this.#written }))
  }

  /** What it has written, once that matches. */
  async writes (name: 'stdout' | 'stderr', pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#written[name])) {
      const isOver = await Promise.race([once(this.child[name]!, 'data').then(() => false), this.ended.then(() => true)])
      if (isOver && !pattern.test(this.#written[name])) throw new Error(`expected ${pattern}; found ${JSON.stringify(this.#written)}`)
    }
    return this.#written[name]
  }
}

/** Runs the program to its end. */
export async function run (t: Test, args: readonly string[], place?: Place): Promise<Ended> {
  return await new Program(t, args, place).ended
}

/** As somebody who may not do everything; undefined where nobody but root may run the program. */
export async function unprivileged (t: Test): Promise<Place | undefined> {
  if (process.getuid?.() !== 0) return {}
  const place = { uid: 65_534 }
  const { code } = await run(t, ['--version'], { ...place, directory: '/' }).catch(() => ({ code: 1 }))
  return code === 0 ? place : undefined
}
