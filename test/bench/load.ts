import { join } from 'node:path'
import { cpuMicros, withProgram } from './processes.ts'

/** What the client is told to do. It is a process of its own, so that its work is not counted as the server's. */
export interface Job {
  readonly port: number
  /** As they go over the wire; sent by turns. */
  readonly requests: readonly string[]
  /** Each has one request under way at most. */
  readonly connections: number
  /**
   * `closed`: each connection sends its next request when it has its answer. `paced`: `perSecond` requests begin a
   * second, whatever became of those before; one that finds no connection free waits, and its wait counts. `once`: each
   * request once, as many at a time as there are connections.
   */
  readonly pace: 'closed' | 'once' | { readonly perSecond: number }
  /** Of `closed` and `paced`. */
  readonly seconds: number
}

/** What became of it. */
export interface Outcome {
  readonly requests: number
  readonly seconds: number
  /** Milliseconds from when a request was due until its answer was there; in order of the answers. */
  readonly latencies: Float64Array
  /** When each of those was due: milliseconds from the beginning. */
  readonly due: Float64Array
  /** How many answers had which status; 0: the connection broke. */
  readonly statuses: Readonly<Record<number, number>>
}

export interface Load extends Outcome {
  /** Share of one processor that the client needed: near 1, it is the client that is measured. */
  readonly clientLoad: number
}

/** What answered with another status than 2xx, or not at all. */
export function failures (outcome: Outcome): number {
  return Object.entries(outcome.statuses).reduce((sum, [status, count]) => sum + (status.startsWith('2') ? 0 : count), 0)
}

export interface Client {
  load (job: Job): Promise<Load>
}

/** Enough for answers to requests that were under way at the end, and to the longest that are sent once. */
const ANSWER_WITHIN_MS = 120_000

/** Starts a client that makes load for as long as `use` takes. */
export async function withClient<T> (use: (client: Client) => Promise<T>): Promise<T> {
  const spec = { command: process.execPath, args: [join(import.meta.dirname, 'load-client.ts')] }
  return withProgram(spec, async ({ child, pid, message }) => {
    await message(ANSWER_WITHIN_MS)
    return use({
      async load (job) {
        const before = cpuMicros(pid)
        child.send(job)
        const outcome = await message(job.seconds * 1000 + ANSWER_WITHIN_MS) as Outcome
        return { ...outcome, clientLoad: (cpuMicros(pid) - before) / outcome.seconds / 1e6 }
      }
    })
  })
}

/** A request as it goes over the wire. */
export function rawRequest (path: string, payload?: unknown): string {
  const head = (method: string) => `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n`
  if (payload === undefined) return `${head('GET')}\r\n`
  const body = JSON.stringify(payload)
  return `${head('POST')}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** The value below which a share of the values lies. */
export function quantile (values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}
