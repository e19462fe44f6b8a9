import type { Test } from 'tap'
import type { NewLogEntry } from '../../types/status.ts'
import type { GuestModule, Outcome, SandboxCall, Tenant } from '../../lib/sandbox/pool/call.ts'
import type { Program, Walled } from '../../lib/sandbox/layers.ts'
import { roomFor, type Room } from '../../lib/sandbox/pool/placement.ts'
import { Pool } from '../../lib/sandbox/pool/pool.ts'
import type { Limits } from '../../lib/limits.ts'
import { startFake } from './fake-cell.ts'

const limits: Limits = {
  turnMs: 300, timeoutSecs: 30, memoryMb: 64, concurrency: 16, waiting: 256, requestBytes: 1_000_000, responseBytes: 1_000_000, logBytes: 32_768, moduleBytes: 1_000_000
}

/** What the pool may do is bounded by this, so that a bug fails a test instead of hanging it. */
const DEADLINE_MS = 10_000

/** A pool of fake cells, closed with the test. */
export function build (t: Test, options: { room?: Partial<Room>, core?: () => string, start?: (program: Program) => Promise<Walled> } = {}) {
  const warnings: string[] = []
  const started: Walled[] = []
  const log = { warn: (_: object, message: string) => { warnings.push(message) }, error: (_: object, message: string) => { warnings.push(message) } }
  const starter = {
    async start (program: Program): Promise<Walled> {
      const walled = await (options.start ?? startFake)(program)
      started.push(walled)
      return walled
    },
    program: (hardened: boolean) => ({ entry: '', readable: [], nodeArguments: hardened ? ['--jitless'] : [], spawns: false, scratchBytes: 0 }),
    hello: async () => ({ core: options.core?.() ?? 'ready', parts: {} })
  }
  const layers = { by: 'none', network: false, processes: false, files: false, user: false, data: false, environment: true } as const
  const pool = new Pool({ starter, layers, room: { ...roomFor(512, 2), ...options.room }, log })
  t.teardown(() => pool.close())
  return { pool, warnings, started }
}

export interface Fellow extends Tenant { entries: NewLogEntry[] }

/** A tenant. */
export function fellow (owner: string, more: Partial<Tenant> & { limit?: Partial<Limits> } = {}): Fellow {
  const { limit, ...own } = more
  const entries: NewLogEntry[] = []
  return {
    admin: 'admin',
    owner,
    limits: { ...limits, ...limit },
    isolation: 'shared',
    webAssembly: false,
    environment: {},
    record: entry => { entries.push(entry) },
    entries,
    ...own
  }
}

export function moduleOf (tenant: Tenant, code = ''): GuestModule {
  return { owner: tenant.owner, name: 'module', version: 'v1', script: async () => ({ code, checks: '' }) }
}

const modules = new WeakMap<Tenant, GuestModule>()

/** A call that has the fake do something; of the tenant's one module where none is given. */
export function callOf (tenant: Tenant, command: string, more: Partial<SandboxCall> & { method?: string } = {}): SandboxCall {
  const { method = 'GET', ...own } = more
  let module = modules.get(tenant)
  if (module === undefined) modules.set(tenant, module = moduleOf(tenant))
  return {
    tenant,
    module,
    text: JSON.stringify({ function: command, method }),
    safe: method === 'GET',
    requestId: 'request',
    api: 'api',
    deadline: performance.now() + DEADLINE_MS,
    ...own
  }
}

/** The value of an outcome. */
export function valueOf (outcome: Outcome): unknown {
  if (outcome.kind !== 'value') throw new Error(`expected a value, found ${JSON.stringify(outcome)}`)
  return JSON.parse(outcome.text.toString())
}

/** What a call came to, in a word: its value, or the code that it was rejected with. */
export async function fateOf (answer: Promise<Outcome>): Promise<unknown> {
  try {
    return valueOf(await answer)
  } catch (error) {
    return (error as { code?: string }).code ?? error
  }
}
