import { setTimeout } from 'node:timers/promises'
import { type Client, failures, type Job, type Load, quantile, rawRequest, withClient } from './load.ts'
import { type SandboxServer, withFolders, withSandbox } from './sandbox-child.ts'
import { guestPath, guestScenarios, tenantId, writeGuest } from './sandbox-scenarios.ts'

/** Of the quiet tenant; each call begins when it is due, on a connection that is free. */
const CALLS_PER_SECOND = 100
const CONNECTIONS = 64
/** By then whoever holds a cell has it for itself. */
const SETTLED_MS = 2_000
/** Before the first figures: isolates are made, code is compiled. */
const WARM_UP_SECS = 2
const BURST = 1_000
const BURST_EACH_MS = 1_000

/** What a tenant does beside the quiet one. */
const offenders = {
  spins: "export const offend = endpoint({ method: 'POST' }, () => { for (;;); })",
  allocates: `const kept: unknown[] = []
export const offend = endpoint({ method: 'POST' }, () => { for (;;) kept.push(new Array(10_000).fill(0.5)) })`,
  'floods, 1,000 calls at once': guestScenarios.hello.source.replace('hello =', 'offend =')
} as const

type Offender = keyof typeof offenders

export const neighbours = ['nobody', ...Object.keys(offenders) as Offender[]] as const

/** How the quiet tenant fared. Times in milliseconds. */
export interface Beside {
  readonly calls: number
  readonly failed: number
  readonly p50: number
  readonly p99: number
  readonly worst: number
  /** Without the time of the switch. */
  readonly settledP99: number
  /** How long the app's event loop stood still at most. */
  readonly blocked: number
  /** How the offender's calls ended, by status. */
  readonly offences: Readonly<Record<number, number>>
}

/** One round: the quiet tenant alone, then beside each offender. All share a cell at first. */
export async function measureNeighbours (seconds: number): Promise<Record<(typeof neighbours)[number], Beside>> {
  return withFolders(async folders => {
    await writeGuest(folders.tenants, tenantId(0), 'main', guestScenarios.hello.source)
    for (const [i, source] of Object.values(offenders).entries()) await writeGuest(folders.tenants, tenantId(i + 1), 'main', source)
    return withSandbox(folders, {}, server => withClient(quiet => withClient(async offender => {
      const beside: Partial<Record<(typeof neighbours)[number], Beside>> = {}
      await call(quiet, server, WARM_UP_SECS)
      for (const [i, name] of neighbours.entries()) {
        await server.blocked()
        const [load, offences] = await Promise.all([call(quiet, server, seconds), offend(name, offender, server, tenantId(i), seconds)])
        beside[name] = { ...judge(load), blocked: await server.blocked(), offences }
      }
      return beside as Record<(typeof neighbours)[number], Beside>
    })))
  })
}

function call (client: Client, { port }: SandboxServer, seconds: number): Promise<Load> {
  const requests = [rawRequest(guestPath(tenantId(0), 'hello') + guestScenarios.hello.query)]
  return client.load({ port, requests, connections: CONNECTIONS, pace: { perSecond: CALLS_PER_SECOND }, seconds })
}

async function offend (
  name: (typeof neighbours)[number], client: Client, { port }: SandboxServer, owner: string, seconds: number
): Promise<Record<number, number>> {
  if (name === 'nobody') return {}
  const path = guestPath(owner, 'offend')
  if (name === 'spins' || name === 'allocates') {
    const { statuses } = await client.load({ port, requests: [rawRequest(path, {})], connections: 2, pace: 'closed', seconds })
    return statuses
  }
  const burst: Job = { port, requests: Array<string>(BURST).fill(rawRequest(path)), connections: BURST, pace: 'once', seconds: 0 }
  const statuses: Record<number, number> = {}
  for (let elapsed = 0; elapsed < seconds * 1000; elapsed += BURST_EACH_MS) {
    const [load] = await Promise.all([client.load(burst), setTimeout(BURST_EACH_MS)])
    for (const [status, count] of Object.entries(load.statuses)) statuses[Number(status)] = (statuses[Number(status)] ?? 0) + count
  }
  return statuses
}

function judge (load: Load): Omit<Beside, 'blocked' | 'offences'> {
  return {
    calls: load.requests,
    failed: failures(load),
    p50: quantile(load.latencies, 0.5),
    p99: quantile(load.latencies, 0.99),
    worst: Math.max(...load.latencies),
    settledP99: quantile(load.latencies.filter((_, i) => (load.due[i] as number) >= SETTLED_MS), 0.99)
  }
}
