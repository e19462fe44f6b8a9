import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { platformError } from '../errors.ts'
import { Stderr, type ProgramLog } from './stderr.ts'

/** A program of any language, as `command()` describes it. */
export interface Program {
  /** The program, found in PATH or from `cwd`, and its arguments. */
  readonly run: readonly string[]
  /** Absolute. */
  readonly cwd: string
  /** All that the program gets of the environment, beside PATH. */
  readonly env: Readonly<Record<string, string>>
}

// Far more turns than a full pipe takes (a turn reads 64 KB and more); they end a program's escaped child that goes on writing.
const DRAIN_TURNS = 64

/** One program, from its start until it and its group are gone. */
export class Execution {
  /** Rejects at `stop()`, without waiting for the process to end. */
  readonly stopped: Promise<never>
  readonly #stop = Promise.withResolvers<never>()
  readonly #program: Program
  readonly #name: string
  readonly #outputBytes: number
  readonly #stdout: Buffer[] = []
  readonly #stderr: Stderr
  /** Bytes of stdout and stderr so far. */
  #read = 0
  #child: ChildProcessWithoutNullStreams | undefined
  #alive = true

  constructor (program: Program, outputBytes: number, log: ProgramLog) {
    this.stopped = this.#stop.promise
    this.#program = program
    this.#name = program.run[0] ?? ''
    this.#outputBytes = outputBytes
    this.#stderr = new Stderr(this.#name, log)
  }

  stop (reason: unknown): void {
    this.#stop.reject(reason)
    this.kill()
  }

  /**
   * Kills the whole group, up to and in the 'exit' event. Not later: by then the system has reaped the program, a group
   * that is empty gives its number free, and -pid may become a stranger's group.
   */
  kill (): void {
    const pid = this.#child?.pid
    if (pid === undefined || !this.#alive) return
    try {
      if (process.platform === 'win32') this.#child?.kill('SIGKILL')
      else process.kill(-pid, 'SIGKILL')
    } catch {
      // ESRCH: nothing is left, as is usual after an exit. EPERM: it became another user's (setuid), out of our reach.
    }
  }

  async execute (input: string): Promise<unknown> {
    try {
      const [code, signal] = await this.#live(input)
      await this.#drain()
      if (code === 0) return parse(Buffer.concat(this.#stdout), this.#name)
      const end = code !== null ? `exited with code ${code}` : `was killed by ${signal}`
      throw platformError('FMS_ERR_CRASH', `${this.#name} ${end}${this.#stderr.lastWords()}`)
    } finally {
      // Not left to the system: a process that escaped may hold the other ends for ever.
      for (const pipe of [this.#child?.stdin, this.#child?.stdout, this.#child?.stderr]) pipe?.destroy()
    }
  }

  async #live (input: string): Promise<[code: number | null, signal: string | null]> {
    const { run, cwd, env } = this.#program
    try {
      // detached: a process group of its own.
      const child = this.#child = spawn(this.#name, run.slice(1), { cwd, env, detached: true, windowsHide: true })
      child.once('exit', () => {
        this.kill()
        this.#alive = false
      })
      // Without a pid the start failed, which an 'error' will say, and there may be no pipes at all (EMFILE).
      if (child.pid !== undefined) this.#connect(child, input)
      return await once(child, 'exit') as [number | null, string | null]
    } catch (error) {
      throw platformError('FMS_ERR_CRASH', await explainStart(error as NodeJS.ErrnoException, this.#program))
    }
  }

  #connect ({ stdin, stdout, stderr }: ChildProcessWithoutNullStreams, input: string): void {
    // EPIPE and its like: a program need not read its input; and one whose output broke off shows that by itself.
    for (const pipe of [stdin, stdout, stderr]) pipe.on('error', () => {})
    stdin.end(input)
    let size = 0
    stdout.on('data', (chunk: Buffer) => {
      this.#read += chunk.length
      size += chunk.length
      if (size <= this.#outputBytes) this.#stdout.push(chunk)
      else this.stop(platformError('FMS_ERR_RESPONSE', `${this.#name} wrote more than ${this.#outputBytes} bytes to stdout`))
    })
    stderr.on('data', (chunk: Buffer) => {
      this.#read += chunk.length
      this.#stderr.write(chunk)
    })
  }

  /**
   * Reads what the program wrote before it ended: Node reaps all ended children at once, and may tell of an exit before
   * its output. All of that is in the pipes by now, so one whole turn of the event loop that brings nothing has read it,
   * however late we are. To wait for 'close' would be to wait for whoever else holds the pipes.
   */
  async #drain (): Promise<void> {
    await turn()
    for (let turns = 0, before = -1; this.#read !== before && turns < DRAIN_TURNS; turns++) {
      before = this.#read
      await turn()
    }
    this.#stderr.end()
  }
}

function parse (output: Buffer, name: string): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(output)
    return text.trim() === '' ? undefined : JSON.parse(text)
  } catch (error) {
    const excerpt = JSON.stringify(output.toString('utf8', 0, 400).slice(0, 100))
    throw platformError('FMS_ERR_RESPONSE', `expected ${name} to write one JSON value in UTF-8 to stdout and nothing else ` +
      `(logs belong on stderr); found ${output.length} bytes that begin with ${excerpt}: ${(error as Error).message}`)
  }
}

/** Why a program did not start: spawn gives one code for several reasons. */
async function explainStart ({ code, message }: NodeJS.ErrnoException, { run: [name], cwd, env }: Program): Promise<string> {
  const folder = await stat(cwd).catch(() => undefined)
  if (folder?.isDirectory() !== true) return `${name} was not started: expected its cwd to be a directory; create ${cwd} or change \`cwd\``
  if (code === 'ENOENT') {
    return `${name} was not found; its PATH is ${env['PATH'] ?? 'not set'}, its cwd ${cwd}. Install it or change \`run\`; ` +
      'if it is a script, see whether the interpreter that its first line names exists'
  }
  if (code === 'EACCES') return `${name} may not be run by this user: make it executable (chmod +x), and its folder and ${cwd} accessible`
  return `${name} was not started: ${message}`
}
