import { deepStrictEqual } from 'node:assert'
import { type Client, failures, quantile } from './load.ts'
import { cpuMicros } from './processes.ts'

/** A server that is compared with others. */
export interface Target {
  readonly pid: number
  readonly port: number
  /** As they go over the wire. */
  readonly requests: readonly string[]
}

export interface Figures {
  readonly requestsPerSecond: number
  /** Of the process and all its children. */
  readonly cpuMicrosPerRequest: number
  readonly p50: number
  readonly p99: number
  readonly clientLoad: number
}

export interface Extent { readonly rounds: number, readonly seconds: number }

/** V8 has compiled what is hot, in most of 60 isolates too. */
const WARM_UP_SECS = 2

/**
 * Measures servers beside one another, all of them alive, by turns (A B A B), so that a slow moment of the machine meets
 * all. One `Figures` a round, of each.
 */
export async function compare<Name extends string> (
  client: Client, targets: Readonly<Record<Name, Target>>, connections: number, { rounds, seconds }: Extent
): Promise<Record<Name, Figures[]>> {
  const names = Object.keys(targets) as Name[]
  const figures = Object.fromEntries(names.map(name => [name, [] as Figures[]])) as Record<Name, Figures[]>
  for (const name of names) await measure(client, targets[name], connections, WARM_UP_SECS)
  for (let round = 0; round < rounds; round++) {
    for (const name of names) figures[name].push(await measure(client, targets[name], connections, seconds))
  }
  return figures
}

async function measure (client: Client, { pid, port, requests }: Target, connections: number, seconds: number): Promise<Figures> {
  const before = cpuMicros(pid)
  const load = await client.load({ port, requests, connections, pace: 'closed', seconds })
  const cpu = cpuMicros(pid) - before
  if (failures(load) > 0) throw new Error(`expected answers with 2xx only; found ${JSON.stringify(load.statuses)} at port ${port}`)
  return {
    requestsPerSecond: load.requests / load.seconds,
    cpuMicrosPerRequest: cpu / load.requests,
    p50: quantile(load.latencies, 0.5),
    p99: quantile(load.latencies, 0.99),
    clientLoad: load.clientLoad
  }
}

/** Fails unless all give the same answer to the same question, but for ids of requests. */
export async function expectAlike (urls: readonly string[], payload: unknown): Promise<void> {
  const answers = await Promise.all(urls.map(async url => {
    const response = await fetch(url, payload === undefined
      ? {}
      : { method: 'POST', body: JSON.stringify(payload), headers: { 'content-type': 'application/json' } })
    const text = await response.text()
    if (response.status !== 200) throw new Error(`${url}: expected 200; found ${response.status} ${text}`)
    const { requestId, ...answer } = JSON.parse(text) as Record<string, unknown>
    return { ...answer, requestId: typeof requestId }
  }))
  for (const answer of answers) deepStrictEqual(answer, answers[0], `expected the same answer of ${urls.join(' and ')}`)
}
