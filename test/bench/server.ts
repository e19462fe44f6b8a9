/**
 * A server under measurement, run as a child process:
 * `server.ts ours <scenario> <count> <plugin directory> <watch>` or `server.ts bare <scenario> <count>`.
 * It says by message when it is ready, then answers questions until it is told to stop (SIGTERM).
 */
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import Fastify from 'fastify'
import { type ScenarioName, scenarios } from './scenarios.ts'

export type Kind = 'ours' | 'bare'

/** What the server tells once it listens. */
export interface Ready { address: string, readyMs: number }

export type Question = 'memory' | 'cpu' | 'refresh'

/** Answer to `memory`: bytes after full collections. */
export interface Memory { rss: number, heapUsed: number }

const COLLECTIONS = 4

/** Answer to `cpu`: microseconds of all threads since the start, as /proc/<pid>/stat has them in hundredths of a second. */
export interface Cpu { user: number, system: number }

const [kind, scenarioName, count, directory, watch] = process.argv.slice(2) as [Kind, ScenarioName, string, string?, string?]

// Bare Fastify does not pay for our package's memory.
const microservices = kind === 'ours' ? (await import('fastify-microservices')).default : undefined

const started = performance.now()
const app = Fastify({ logger: { level: 'warn' } })
if (microservices) {
  await app.register(microservices, { plugins: [directory as string], watch: watch === 'events' ? 'events' : false, env: false })
} else {
  const { route } = scenarios[scenarioName]
  for (let i = 0; i < Number(count); i++) app.route(route(i))
}
await app.ready()
const readyMs = performance.now() - started

process.once('SIGTERM', () => app.close().finally(() => process.disconnect?.()))
process.on('message', (question: Question) => { answer(question).then(tell, fail) })
tell({ address: await app.listen({ host: '127.0.0.1', port: 0 }), readyMs })

async function answer (question: Question): Promise<Memory | Cpu | 'refreshed'> {
  if (question === 'memory') return measureMemory()
  if (question === 'cpu') return process.cpuUsage()
  await app.microservices.refresh()
  return 'refreshed'
}

async function measureMemory (): Promise<Memory> {
  // Finalizers free what one collection found for the next to take.
  for (let i = 0; i < COLLECTIONS; i++) {
    globalThis.gc?.()
    await setImmediate()
  }
  const { rss, heapUsed } = process.memoryUsage()
  return { rss, heapUsed }
}

function tell (message: unknown): void {
  // Without a parent, for a profile by hand.
  if (process.send) process.send(message as object)
  else console.log(message)
}

function fail (error: unknown): void {
  console.error(error)
  process.exitCode = 1
  process.disconnect?.()
}
