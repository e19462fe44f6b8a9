import { deepStrictEqual } from 'node:assert'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Server, TooSlow, withServer } from './child.ts'
import { withDirectory, writeModules } from './modules.ts'
import { apiName, prefix, type Scenario, type ScenarioName, scenarios } from './scenarios.ts'
import type { Kind } from './server.ts'

/** As many as one event loop serves at its best rate; autocannon's own event loop still keeps up with it. */
const CONNECTIONS = 64
/** Some ten thousand requests: V8 has compiled what is hot. */
const WARM_UP_SECS = 1

const autocannon = fileURLToPath(import.meta.resolve('autocannon'))

export interface Load {
  readonly requestsPerSecond: number
  readonly cpuMicrosPerRequest: number
}

export interface Extent { readonly rounds: number, readonly seconds: number }

/** One `Load` a round, of ours and of bare Fastify; `bare` is undefined where it did not start in time. */
export type Comparison = Record<Kind, Load[] | undefined>

/** Measures ours beside bare Fastify, both alive, in turns (A B A B), so that a slow moment of the machine meets both. */
export async function measureLoad (name: ScenarioName, count: number, extent: Extent): Promise<Comparison> {
  const scenario: Scenario = scenarios[name]
  return withDirectory(async directory => {
    await writeModules(directory, scenario, count)
    return withServer({ kind: 'ours', scenario: name, count, directory }, async ours => {
      try {
        return await withServer({ kind: 'bare', scenario: name, count }, bare => compare({ ours, bare }, scenario, count, extent))
      } catch (error) {
        if (!(error instanceof TooSlow)) throw error
        return compare({ ours }, scenario, count, extent)
      }
    })
  })
}

async function compare (
  servers: { ours: Server, bare?: Server }, scenario: Scenario, count: number, { rounds, seconds }: Extent
): Promise<Comparison> {
  const path = `${prefix}/${apiName(Math.floor(count / 2))}${scenario.suffix}`
  const requests = Object.entries(servers).map(([kind, server]) => ({
    kind: kind as Kind,
    server,
    url: server.address + path,
    method: scenario.method,
    body: scenario.payload && JSON.stringify(scenario.payload[kind as Kind])
  }))
  const answers = await Promise.all(requests.map(answer))
  if (answers.length > 1) deepStrictEqual(answers[0], answers[1], 'ours and bare Fastify must answer alike')

  const loads: Record<Kind, Load[]> = { ours: [], bare: [] }
  for (const request of requests) await load(request, WARM_UP_SECS)
  for (let round = 0; round < rounds; round++) {
    for (const request of requests) loads[request.kind].push(await load(request, seconds))
  }
  return { ours: loads.ours, bare: servers.bare && loads.bare }
}

interface Request { server: Server, url: string, method: string, body: string | undefined }

async function answer ({ url, method, body }: Request): Promise<unknown> {
  const response = await fetch(url, { method, ...body && { body, headers: { 'content-type': 'application/json' } } })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${method} ${url}: expected 200; found ${response.status} ${text}`)
  return JSON.parse(text)
}

interface Report { requests: { total: number }, '2xx': number, errors: number, duration: number }

/** Loads a server from another process, so that the client's work is not counted as the server's. */
async function load ({ server, url, method, body }: Request, seconds: number): Promise<Load> {
  const before = await server.cpu()
  const { stdout } = await promisify(execFile)(process.execPath, [
    autocannon, '--json', '--no-progress', '-c', String(CONNECTIONS), '-d', String(seconds), '-m', method,
    ...body ? ['-b', body, '-H', 'content-type=application/json'] : [], url
  ], { timeout: (seconds + 30) * 1000 })
  const cpu = await server.cpu() - before
  const { requests: { total }, '2xx': good, errors, duration } = JSON.parse(stdout) as Report
  if (errors > 0 || good !== total) throw new Error(`${method} ${url}: ${errors} errors, ${total - good} of ${total} answers not 2xx`)
  return { requestsPerSecond: total / duration, cpuMicrosPerRequest: cpu / total }
}
