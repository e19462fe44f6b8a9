import { createHash, randomBytes } from 'node:crypto'
import { copyFileSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { OwnerLogEntry } from '../../types/status.ts'
import type { Figures } from './hostile-app.ts'
import { AppProcess } from './hostile-process.ts'
import type { Program, Step, TenantOptions } from './hostile-programs.ts'

/** What becomes of one call. */
export interface Answer {
  /** `left`: the client went before it was answered. */
  readonly status: number | 'left' | 'none'
  readonly code: string | undefined
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly tookMs: number
  /** The call's number among those of its step, from 0. */
  readonly number: number
}

/** What a program did, to itself and to the others. */
export interface Report {
  readonly program: Program
  /** By step. */
  readonly answers: ReadonlyArray<readonly Answer[]>
  readonly log: readonly OwnerLogEntry[]
  readonly problems: ReadonlyArray<{ readonly code: string, readonly message: string }>
  readonly isAlive: boolean
  readonly quiet: Quiet
  /** Of the quiet tenant and of the victim: neither does anything that is logged. */
  readonly foreignLog: readonly OwnerLogEntry[]
  readonly leaks: readonly string[]
  readonly figures: Figures
}

export interface Quiet {
  readonly calls: number
  readonly worstMs: number
  readonly failures: readonly string[]
}

export const admin = '70dd81e5-961a-470e-9e88-63d828674757'
/** Does nothing but answer, all along. */
export const quiet = '0d9e4a76-52f1-4f0e-9a3c-6b1d2e8f7a10'
/** Has a secret, and state. Programs of class `between` name it. */
export const victim = '5b1c8f3e-7d24-4c6a-8e95-3f0a1b2c4d5e'

const prefix = '/rest/services'

/** Generous: the machines of tests are slow and shared. */
const WITHIN_MS = 10_000
const QUIET_PAUSE_MS = 4

/** What no tenant and no client may ever be shown, beside secrets and paths of this very run. */
const telling = /isolated-vm|node:internal|\/node_modules\/|\/lib\/(sandbox|http|invoke|catalog)\/|bwrap|esbuild|\/proc\/self/i

const quietSource = `
import { endpoint } from 'fastify-microservices'
export const ping = endpoint({}, () => 'pong')
`

const victimSource = `
import { endpoint } from 'fastify-microservices'
export const look = endpoint({}, (args, { owner, module, env }) => ({
  owner, module, polluted: 'polluted' in {}, global: 'polluted' in globalThis, secret: typeof env.VICTIM_SECRET
}))
`

export interface RunOptions {
  /** Called after each program. */
  readonly seen?: (report: Report) => unknown
  /** Runs the package in dist/, not its sources. */
  readonly isBuilt?: boolean | undefined
}

/** Runs programs one after the other, each in a tenant of its own, in one app; while they run, a quiet tenant is called. */
export async function runHostile (programs: readonly Program[], { seen, isBuilt }: RunOptions = {}): Promise<Report[]> {
  if (programs.length === 0) return []
  const app = await HostileApp.start(programs, { isBuilt })
  try {
    const reports: Report[] = []
    for (const program of programs) {
      const report = await app.run(program)
      reports.push(report)
      await seen?.(report)
    }
    return reports
  } finally {
    await app.close()
  }
}

/** The UUID of a program's tenant. */
export function ownerOf ({ attackClass, name }: Pick<Program, 'attackClass' | 'name'>): string {
  const hex = createHash('sha256').update(`${attackClass}/${name}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** An app in a process of its own, with a quiet tenant, a victim, and room for attackers. */
export class HostileApp {
  readonly #process: AppProcess
  readonly #directory: string
  readonly #secrets: readonly string[]

  private constructor (directory: string, secrets: readonly string[]) {
    this.#directory = directory
    this.#secrets = secrets
    // Nothing of the environment of whoever runs the tests, but a secret.
    this.#process = new AppProcess(directory, { PATH: process.env['PATH'], HOSTILE_CANARY: secrets[0] })
  }

  static async start (programs: ReadonlyArray<Pick<Program, 'attackClass' | 'name' | 'tenant'>>, { isBuilt = false }: Pick<RunOptions, 'isBuilt'> = {}): Promise<HostileApp> {
    const directory = mkdtempSync(join(tmpdir(), 'hostile-'))
    const secrets = Array.from({ length: 4 }, () => `canary-${randomBytes(12).toString('hex')}`) as [string, string, string, string]
    const app = new HostileApp(directory, secrets)
    try {
      app.write(quiet, 'quiet.ts', quietSource)
      app.write(victim, 'vault.ts', victimSource)
      const tenants: Record<string, TenantOptions> = { [quiet]: { limits: {} }, [victim]: { limits: {}, env: { VICTIM_SECRET: secrets[3] } } }
      for (const program of programs) tenants[ownerOf(program)] = program.tenant
      // A busy machine may not have built them by the time that the app listens.
      await app.#process.start({
        directory,
        isBuilt,
        secret: secrets[1],
        options: {
          plugins: [join(directory, 'plugins')],
          MULTI_TENANT: true,
          // A program sends credentials of the host's, to see whether they arrive.
          TOKENS: 'off',
          ADMIN_ID: admin,
          TENANTS_DIR: join(directory, 'tenants'),
          DATA_DIR: join(directory, 'data'),
          watch: false,
          // A tenant's limits are within these.
          sandbox: { limits: { turnMs: 10_000, memoryMb: 128 } },
          tenants
        }
      })
      await app.refresh()
    } catch (error) {
      await app.close()
      throw error
    }
    return app
  }

  /** Writes a tenant's file; live after `refresh()`. */
  write (owner: string, name: string, text: string): void {
    const folder = join(this.#directory, 'tenants', owner)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, name), text)
  }

  /** Removes all that a tenant has. */
  remove (owner: string): void {
    rmSync(join(this.#directory, 'tenants', owner), { recursive: true, force: true })
  }

  async refresh (): Promise<void> {
    await this.#process.ask({ what: 'refresh' })
  }

  async logs (owner: string): Promise<OwnerLogEntry[]> {
    return await this.#process.ask({ what: 'logs', owner }) as OwnerLogEntry[]
  }

  async problems (owner: string): Promise<Report['problems']> {
    return await this.#process.ask({ what: 'problems', owner }) as Report['problems']
  }

  async figures (): Promise<Figures> {
    return await this.#process.ask({ what: 'figures' }) as Figures
  }

  get isAlive (): boolean {
    return this.#process.isAlive
  }

  async close (): Promise<void> {
    try {
      await this.#process.close()
    } finally {
      rmSync(this.#directory, { recursive: true, force: true })
    }
  }

  /** Makes one program live, does to it what it says, and removes it. */
  async run (program: Program): Promise<Report> {
    const owner = ownerOf(program)
    const calling = this.callQuietly()
    const answers: Answer[][] = []
    try {
      await this.figures()
      this.#install(program, owner)
      await this.refresh()
      const problems = await this.problems(owner)
      for (const step of program.steps) answers.push(await this.#callAll(step, owner))
      // Whatever still runs of it, ends with it.
      const [log, foreign] = [await this.logs(owner), [...await this.logs(quiet), ...await this.logs(victim)]]
      this.remove(owner)
      if (program.twin) rmSync(join(this.#directory, 'tenants', victim, basename(program.file)))
      await this.refresh()
      const figures = await this.figures()
      const shown = JSON.stringify([log, problems.map(({ code, message }) => ({ code, message })), answers])
      return { program, answers, log, problems, isAlive: this.isAlive, quiet: await calling(), foreignLog: foreign, leaks: this.#leaksIn(shown), figures }
    } finally {
      await calling()
    }
  }

  #install ({ file, twin }: Program, owner: string): void {
    const folders = [owner, ...(twin ? [victim] : [])].map(one => join(this.#directory, 'tenants', one))
    for (const folder of folders) {
      mkdirSync(folder, { recursive: true })
      for (const shared of globSync('_*.ts', { cwd: dirname(file) })) copyFileSync(join(dirname(file), shared), join(folder, shared))
      copyFileSync(file, join(folder, basename(file)))
    }
  }

  async #callAll (step: Step, owner: string): Promise<Answer[]> {
    const { times = 1, parallel = 1 } = step.manner
    const rows = await Promise.all(Array.from({ length: parallel }, async (_, row) => {
      const answers: Answer[] = []
      for (let i = 0; i < times; i++) answers.push(await this.call(owner, step, row * times + i))
      return answers
    }))
    return rows.flat()
  }

  /** Calls once; never throws. */
  async call (owner: string, { method, path, body, manner }: Omit<Step, 'expected'>, number = 0): Promise<Answer> {
    const url = `${this.#process.base}${path.startsWith('/rest/') ? '' : `${prefix}/${owner}`}${path}`.replaceAll('{n}', String(number))
    const startedAt = performance.now()
    const leave = manner.leaveMs === undefined ? undefined : AbortSignal.timeout(manner.leaveMs)
    const signal = leave ?? AbortSignal.timeout(WITHIN_MS)
    const got = (answer: Partial<Answer>): Answer => ({
      status: 'none', code: undefined, body: '', headers: {}, number, ...answer, tookMs: performance.now() - startedAt
    })
    try {
      const response = await fetch(url, {
        method, signal, headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...manner.headers }, ...(body !== undefined && { body: body.replaceAll('{n}', String(number)) })
      })
      const text = await response.text()
      return got({ status: response.status, code: codeIn(response.status, text), body: text, headers: Object.fromEntries(response.headers) })
    } catch (error) {
      return got({ status: leave?.aborted ? 'left' : 'none', body: String((error as Error).cause ?? error) })
    }
  }

  /** Calls the quiet tenant until told to stop, which tells how it went. */
  callQuietly (): () => Promise<Quiet> {
    const stop = new AbortController()
    const calling = (async (): Promise<Quiet> => {
      const failures: string[] = []
      let calls = 0
      let worstMs = 0
      while (!stop.signal.aborted) {
        const { status, body, tookMs } = await this.call(quiet, { method: 'GET', path: '/ping', body: undefined, manner: {} })
        calls++
        worstMs = Math.max(worstMs, tookMs)
        if (status !== 200 || body !== '"pong"') failures.push(`${status} ${body}`)
        await sleep(QUIET_PAUSE_MS)
      }
      return { calls, worstMs, failures }
    })()
    return async () => {
      stop.abort()
      return calling
    }
  }

  #leaksIn (text: string): string[] {
    const root = join(import.meta.dirname, '../..')
    const found = [...this.#secrets, this.#directory, root].filter(secret => text.includes(secret)).map(secret => text.slice(Math.max(0, text.indexOf(secret) - 80), text.indexOf(secret) + 80))
    const told = telling.exec(text)
    return told ? [...found, text.slice(Math.max(0, told.index - 80), told.index + 80)] : found
  }
}

function codeIn (status: number, body: string): string | undefined {
  if (status < 400) return undefined
  try {
    return (JSON.parse(body) as { code?: string }).code
  } catch {
    return undefined
  }
}
