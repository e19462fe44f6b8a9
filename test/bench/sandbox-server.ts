/**
 * An app with tenants under measurement, or bare Fastify with as many routes, run as a child process: its one argument
 * is a `SandboxServerSpec` as JSON. It says by message when it is ready, then answers questions until it is told to
 * stop (SIGTERM).
 */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import Fastify from 'fastify'
import type { MicroservicesOptions } from '../../types/options.ts'
import { type GuestScenario, guestPath, guestScenarios } from './sandbox-scenarios.ts'

/** `options`: those of the plugin; `modules`: how many are to be served before it is called, 0 for none built. `owners`: tenants that bare Fastify has routes for. */
export type SandboxServerSpec = { readonly options: MicroservicesOptions, readonly modules: number } | { readonly owners: readonly string[] }

export interface SandboxReady {
  readonly port: number
  readonly readyMs: number
  /** When all modules were served: tenants' are not built at the start. */
  readonly servedMs: number
  /** Bytes, before any collection. */
  readonly rss: number
}

/** `blocked`: for how long the event loop stood still at most, since this was last asked. */
export type SandboxQuestion = 'status' | 'memory' | 'blocked'

const COLLECTIONS = 4
const NANOS_PER_MS = 1e6

const spec = JSON.parse(process.argv[2] as string) as SandboxServerSpec

// Bare Fastify does not pay for our package's memory.
const microservices = 'options' in spec ? (await import('fastify-microservices')).default : undefined

const started = performance.now()
const app = Fastify({ logger: { level: 'silent' } })
if ('options' in spec) {
  await app.register(microservices as NonNullable<typeof microservices>, spec.options)
} else {
  for (const owner of spec.owners) {
    for (const [api, scenario] of Object.entries<GuestScenario>(guestScenarios)) app.route(scenario.route(guestPath(owner, api)))
  }
}
await app.ready()
const readyMs = performance.now() - started
const { rss } = process.memoryUsage()
const servedMs = 'options' in spec && spec.modules > 0 ? await untilServed(spec.modules) : readyMs

/** Not enabled before it is asked for: a timer each millisecond costs, too. */
const delay = monitorEventLoopDelay({ resolution: 1 })
process.once('SIGTERM', () => app.close().finally(() => process.disconnect?.()))
process.on('message', (question: SandboxQuestion) => { answer(question).then(tell, fail) })
const address = await app.listen({ host: '127.0.0.1', port: 0 })
tell({ port: Number(new URL(address).port), readyMs, servedMs, rss } satisfies SandboxReady)

/** How long it took until all were served: at their first calls they would be one by one. */
async function untilServed (modules: number): Promise<number> {
  await app.microservices.refresh()
  const { modules: { length }, problems } = app.microservices.directory()
  if (length < modules) throw new Error(`expected ${modules} modules to be served; found ${length}, and ${problems[0]?.message}`)
  return performance.now() - started
}

async function answer (question: SandboxQuestion): Promise<unknown> {
  if (question === 'status') return app.microservices.status()
  if (question === 'memory') {
    // Finalizers free what one collection found for the next to take.
    for (let i = 0; i < COLLECTIONS; i++) {
      globalThis.gc?.()
      await setImmediate()
    }
    return process.memoryUsage().rss
  }
  const blocked = delay.max / NANOS_PER_MS
  delay.enable()
  delay.reset()
  return blocked
}

function tell (message: unknown): void {
  // Without a parent, for a profile by hand.
  if (process.send) process.send(message)
  else console.log(message)
}

function fail (error: unknown): void {
  console.error(error)
  process.exitCode = 1
  process.disconnect?.()
}
