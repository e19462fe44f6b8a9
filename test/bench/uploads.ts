import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { promisify } from 'node:util'
import { seal } from '../../lib/tokens/seal.ts'
import { randomName } from '../../lib/tokens/produce.ts'
import { failures, type Load, rawRequest, withClient } from './load.ts'
import { withDirectory } from './modules.ts'
import { adminSecret, adminToken, installation, type OwnersServer, withOwnersServer, withSqlite } from './owners-child.ts'
import { admin, tenantId } from './sandbox-scenarios.ts'
import { prefix } from './scenarios.ts'
import { bar, format, header, median, row, spread } from './table.ts'

const tenant = tenantId(1)
const LIVE_WITHIN_MS = 10_000
const SOURCE_BYTES = 100_000

interface UploadsExtent { readonly uploads: number, readonly activations: number, readonly runs: number }

const full: UploadsExtent = { uploads: 20, activations: 1_000, runs: 9 }
const quick: UploadsExtent = { uploads: 5, activations: 100, runs: 3 }

/** What uploads and the command line cost. Takes some 2 minutes. */
export const uploadsSections: Readonly<Record<string, (isQuick: boolean) => Promise<void>>> = {
  'upload-live': isQuick => printLive(isQuick ? quick : full),
  activations: isQuick => printActivations(isQuick ? quick : full),
  'command-line': isQuick => printCommandLine(isQuick ? quick : full)
}

async function printLive ({ uploads }: UploadsExtent): Promise<void> {
  console.log(`\n### An upload of a module of 100 KB: from its first byte to the first answer of the new version, ms, median of ${uploads} (range)\n`)
  header('', 'on its node', 'is to be', 'on another node', 'is to be')
  await withNodes(async ([here, there]) => {
    for (const [whose, owner] of [['a tenant\'s', tenant], ['an admin\'s, sealed', admin]] as const) {
      const live: number[] = []
      const elsewhere: number[] = []
      for (let version = 1; version <= uploads; version++) {
        const source = sourceOf(version)
        const started = performance.now()
        const [first, second] = await Promise.all([liveAfter(here, owner, version, started), liveAfter(there, owner, version, started), upload(here, owner, source)])
        live.push(first)
        elsewhere.push(second)
      }
      row(whose, spread(live), bar(median(live), { most: 500 }), spread(elsewhere), bar(median(elsewhere), { most: 1_000 }))
    }
  })
}

async function printActivations ({ activations }: UploadsExtent): Promise<void> {
  console.log(`\n### ${format(activations)} activations, by turns of two versions of 100 KB, while 16 connections call\n`)
  header('', 'requests', 'failed', 'is to be', 'activations per second', 'longest request, ms')
  await withNodes(async ([here]) => {
    for (const [whose, owner] of [['a tenant\'s', tenant], ['an admin\'s', admin]] as const) {
      const versions = [await upload(here, owner, sourceOf(1)), await upload(here, owner, sourceOf(2))]
      const { load, seconds } = await underLoad(here, owner, async () => {
        for (let i = 0; i < activations; i++) await activate(here, owner, versions[i % 2] as string)
      })
      row(whose, format(load.requests), format(failures(load)), bar(failures(load), { most: 0 }), format(activations / seconds), format(load.latencies.reduce((most, latency) => Math.max(most, latency), 0)))
    }
  })
}

async function printCommandLine ({ runs }: UploadsExtent): Promise<void> {
  console.log(`\n### The command line, as it is built, ms of a whole process, median of ${runs} (range)\n`)
  header('', 'ms', 'is to be')
  await withNodes(async ([here]) => withDirectory(async directory => {
    const file = join(directory, 'large.ts')
    await writeFile(file, sourceOf(1))
    const env = { PATH: process.env['PATH'], MICROSERVICES_URL: `http://127.0.0.1:${here.port}${prefix}/${admin}`, MICROSERVICES_KEY: `${admin}.first ${adminSecret}` }
    const run = async (...words: string[]): Promise<number> => {
      const started = performance.now()
      await promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../dist/lib/cli/main.js'), ...words], { env, cwd: directory })
      return performance.now() - started
    }
    const times = async (...words: string[]): Promise<number[]> => {
      const found: number[] = []
      for (let i = 0; i < runs; i++) found.push(await run(...words))
      return found
    }
    const help = await times('--help')
    row('`--help`', spread(help), bar(median(help), { most: 200 }))
    await run('deploy', file)
    const unchanged = await times('deploy', file)
    row('`deploy` of what is unchanged', spread(unchanged), bar(median(unchanged), { most: 1_000 }))
  }))
}

/** Two nodes of one installation, with a tenant. */
async function withNodes<T> (use: (nodes: [OwnersServer, OwnersServer]) => Promise<T>): Promise<T> {
  return withSqlite(store => {
    // The nodes have URLs of their own.
    const { PUBLIC_URL: _, ...others } = installation
    const options = { ...others, ...store.options, MULTI_TENANT: true }
    return withOwnersServer(options, here => withOwnersServer(options, async there => {
      await manage(here, 'POST', `${admin}/tenant-api/register`, JSON.stringify({ userid: 'bench', uuid: tenant }), 'application/json')
      return await use([here, there])
    }))
  })
}

/** 100 KB that no two versions have in common, and an endpoint that tells its version. */
function sourceOf (version: number): string {
  const head = `import { endpoint } from 'fastify-microservices'\nexport const version = endpoint({}, () => ({ version: ${version}, length: table.length }))\nconst table = [\n`
  const lines: string[] = []
  for (let bytes = head.length; bytes < SOURCE_BYTES; bytes += lines.at(-1)!.length + 1) lines.push(`  'line ${lines.length} of version ${version}: ${'x'.repeat(60)}',`)
  return `${head}${lines.join('\n')}\n]\n`
}

/** Gives the version's name. */
async function upload (node: OwnersServer, owner: string, source: string): Promise<string> {
  const sealed = owner !== admin
    ? source
    : await seal(source, { kid: `${admin}.first`, typ: 'module+jose', jti: randomName(), cty: 'text/typescript', ...times(), owner: admin, module: 'large' }, adminSecret)
  const { version } = await manage(node, 'POST', `${owner}/module-api/upload/large`, sealed, owner === admin ? 'application/jose' : 'text/typescript') as { version: string }
  return version
}

function times (): { iat: number, exp: number } {
  const iat = Math.floor(Date.now() / 1000)
  return { iat, exp: iat + 30 }
}

async function activate (node: OwnersServer, owner: string, version: string): Promise<void> {
  await manage(node, 'POST', `${owner}/module-api/activate`, JSON.stringify({ module: 'large', version }), 'application/json')
}

async function manage (node: OwnersServer, method: string, path: string, body: string, type: string): Promise<unknown> {
  const base = `http://127.0.0.1:${node.port}`
  const token = await adminToken(method, `${prefix}/${path}`, body, base)
  const response = await fetch(`${base}${prefix}/${path}`, { method, body, headers: { authorization: `Bearer ${token}`, 'content-type': type } })
  const text = await response.text()
  if (!response.ok) throw new Error(`${path}: expected 2xx; found ${response.status} ${text.slice(0, 1_000)}`)
  return JSON.parse(text)
}

async function liveAfter ({ port }: OwnersServer, owner: string, version: number, started: number): Promise<number> {
  while (performance.now() - started < LIVE_WITHIN_MS) {
    const response = await fetch(`http://127.0.0.1:${port}${prefix}/${owner}/large/version`)
    const found = await response.json() as { version?: number }
    if (response.ok && found.version === version) return performance.now() - started
    // Not more than a client would ask: what is measured runs on the same two processors.
    await new Promise(resolve => { setTimeout(resolve, 5) })
  }
  throw new Error(`version ${version} was not live within ${LIVE_WITHIN_MS} ms`)
}

/** Load until the work is done. */
async function underLoad ({ port }: OwnersServer, owner: string, work: () => Promise<void>): Promise<{ load: Load, seconds: number }> {
  return withClient(async client => {
    const requests = [rawRequest(`${prefix}/${owner}/large/version`)]
    const loads: Load[] = []
    const started = performance.now()
    const progress = { isDone: false }
    const working = work().finally(() => { progress.isDone = true })
    while (!progress.isDone) loads.push(await client.load({ port, requests, connections: 16, pace: 'closed', seconds: 2 }))
    await working
    const statuses: Record<number, number> = {}
    for (const load of loads) for (const [status, count] of Object.entries(load.statuses)) statuses[Number(status)] = (statuses[Number(status)] ?? 0) + count
    const load = {
      ...loads[0]!, statuses, requests: loads.reduce((sum, { requests }) => sum + requests, 0), latencies: Float64Array.from(loads.flatMap(({ latencies }) => [...latencies]))
    }
    return { load, seconds: (performance.now() - started) / 1000 }
  })
}
