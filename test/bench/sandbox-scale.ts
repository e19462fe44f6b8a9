import { failures, rawRequest, withClient } from './load.ts'
import { type Folders, type SandboxServer, withFolders, withSandbox } from './sandbox-child.ts'
import { guestPath, tenantIds, usualSource, writeGuest } from './sandbox-scenarios.ts'

const ENDPOINTS_PER_MODULE = 10
/** Modules' first calls at a time. */
const CONNECTIONS = 8

export interface Start {
  readonly readyMs: number
  readonly servedMs: number
  /** Bytes of the app's process when it was ready, and after full collections. */
  readonly rss: number
  readonly collected: number
}

export interface Idle {
  readonly isolates: number
  readonly cells: number
  /** Of an isolate that was called once; the cells' own memory is not in it, but for that of cells that came later. */
  readonly bytesPerIsolate: number
}

export interface Scale { readonly first: Start, readonly later: Start[], readonly idle: Idle }

/** Starts with one module of ten endpoints for each of as many tenants: with an empty DATA_DIR, then again with nothing changed. */
export async function measureScale (tenants: number, runs: number): Promise<Scale> {
  const owners = tenantIds(tenants)
  return withFolders(async folders => {
    const sources = [usualSource('usual'), ...Array.from({ length: ENDPOINTS_PER_MODULE - 1 }, (_, i) => endpointSource(i))]
    for (const owner of owners) await writeGuest(folders.tenants, owner, 'main', ...sources)
    const first = await start(folders)
    const later: Start[] = []
    for (let run = 0; run < runs; run++) later.push(await start(folders))
    // Room for all, so that none is dropped to make room for others.
    const idle = await withSandbox(folders, { sandbox: { memoryMb: 16_384 } }, server => measureIdle(server, owners))
    return { first, later, idle }
  })
}

function endpointSource (index: number): string {
  return `export const e${index} = endpoint({
  method: '${index % 2 === 0 ? 'GET' : 'POST'}',
  args: Type.Object({ name: Type.String({ minLength: 1 }), age: Type.Integer({ minimum: 0 }) }),
  returns: Type.Object({ hello: Type.String(), next: Type.Integer() })
}, async ({ name, age }) => ({ hello: name, next: age + 1 }))`
}

async function start (folders: Folders): Promise<Start> {
  // Watched, as it is in use.
  return withSandbox(folders, { watch: 'events' }, async server =>
    ({ readyMs: server.readyMs, servedMs: server.servedMs, rss: server.rss, collected: await server.memory() }))
}

async function measureIdle (server: SandboxServer, owners: readonly string[]): Promise<Idle> {
  return withClient(async client => {
    const requests = owners.map(owner => rawRequest(guestPath(owner, 'usual')))
    const call = async (some: readonly string[]) => {
      const load = await client.load({ port: server.port, requests: some, connections: CONNECTIONS, pace: 'once', seconds: 0 })
      if (failures(load) > 0) throw new Error(`expected answers with 2xx only; found ${JSON.stringify(load.statuses)}`)
      const { isolates, cells } = await server.status()
      return { isolates, cells: cells.length, bytes: cells.reduce((sum, { residentBytes }) => sum + residentBytes, 0) }
    }
    const before = await call(requests.slice(0, CONNECTIONS))
    const after = await call(requests.slice(CONNECTIONS))
    return { isolates: after.isolates, cells: after.cells, bytesPerIsolate: (after.bytes - before.bytes) / (after.isolates - before.isolates) }
  })
}
