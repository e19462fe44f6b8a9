import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ask, Start } from './hostile-app.ts'

/** Building a module that will not end has a deadline of its own, and machines of tests are slow. */
const ANSWER_MS = 60_000
const STOP_MS = 10_000
/** Of what it wrote to stderr. */
const WORDS_LENGTH = 10_000

/** The process of hostile-app.ts. */
export class AppProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>()
  #stderr = ''
  #lastId = 0
  /** Where it listens. */
  base = ''

  constructor (directory: string, environment: NodeJS.ProcessEnv) {
    this.#child = fork(join(import.meta.dirname, 'hostile-app.ts'), { execArgv: [], cwd: directory, env: environment, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => { this.#stderr = (this.#stderr + text).slice(-WORDS_LENGTH) })
    this.#exited = new Promise(resolve => this.#child.once('exit', (code, signal) => {
      for (const { reject } of this.#pending.values()) reject(new Error(`the app's process is gone (${code ?? signal}): ${this.#stderr}`))
      resolve()
    }))
  }

  async start (start: Start): Promise<void> {
    const started = Promise.withResolvers<unknown>()
    this.#pending.set(0, started)
    this.#child.on('message', ({ id = 0, port, result, error }: { id?: number, port?: number, result?: unknown, error?: string }) => {
      if (port !== undefined) this.base = `http://127.0.0.1:${port}`
      const pending = this.#pending.get(id)
      this.#pending.delete(id)
      if (error === undefined) pending?.resolve(result)
      else pending?.reject(new Error(error))
    })
    this.#child.send(start)
    await within(started.promise, 'the app starts')
  }

  async ask (ask: { what: Ask['what'], owner?: string }): Promise<unknown> {
    const id = ++this.#lastId
    const pending = Promise.withResolvers<unknown>()
    this.#pending.set(id, pending)
    if (this.isAlive) this.#child.send({ id, ...ask })
    else pending.reject(new Error(`the app's process is gone: ${this.#stderr}`))
    return within(pending.promise, ask.what)
  }

  get isAlive (): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#child.connected
  }

  async close (): Promise<void> {
    try {
      if (!this.isAlive) return
      await this.ask({ what: 'close' })
      await Promise.race([this.#exited, sleep(STOP_MS, undefined, { ref: false })])
    } finally {
      this.#child.kill('SIGKILL')
      await this.#exited
    }
  }
}

async function within<T> (promise: Promise<T>, what: string): Promise<T> {
  const timer = new AbortController()
  try {
    return await Promise.race([promise, sleep(ANSWER_MS, undefined, { signal: timer.signal }).then(() => { throw new Error(`not within ${ANSWER_MS} ms: ${what}`) })])
  } finally {
    timer.abort()
  }
}
