import { performance } from 'node:perf_hooks'
import type { MicroservicesOptions } from '../../types/options.ts'
import { type Client, failures, rawRequest, withClient } from './load.ts'
import { withDirectory, writeModules } from './modules.ts'
import { adminToken, installation, type OwnersServer, runRegistry, type StoreChoice, tokenRequest, withOwnersServer, withSqlite } from './owners-child.ts'
import { many } from './owners-tokens.ts'
import { type Folders, withFolders } from './sandbox-child.ts'
import { compare, expectAlike, type Extent, type Figures } from './sandbox-load.ts'
import { admin, guestPath, guestScenarios, tenantId, tenantIds, usualSource, writeGuest } from './sandbox-scenarios.ts'
import { apiName, prefix, scenarios } from './scenarios.ts'

const CONNECTIONS = 64
/** Registrations at once, where it is not one after the other. */
export const AT_ONCE = 32
/** The first of so many modules. */
const FIRST_CALLS = 50
const PAGE = 1_000

/** `none`: single-tenant mode. `one` and `more`: with so many tenants registered; `sandboxed` are calls of the first. */
export interface RequestCost {
  readonly trusted: Record<'none' | 'one' | 'more', Figures[]>
  readonly sandboxed: Record<'one' | 'more', Figures[]>
}

/**
 * What a request costs beside so many tenants: the same endpoints in apps with none, with one and with that many. Each
 * round has processes of its own, since two of the same kind differ by more than tenants cost, for as long as they live.
 */
export async function measureRequests (tenants: number, extent: Extent): Promise<RequestCost> {
  return withDirectory(directory => withFolders(({ tenants: folder }) => withSqlite(none => withSqlite(one => withSqlite(async more => {
    await writeModules(directory, scenarios.hello, 1)
    await writeGuest(folder, tenantId(0), 'main', guestScenarios.hello.source)
    await fill(one, 1)
    await fill(more, tenants)
    const options = { ...installation, plugins: [directory] }
    const withTenants = <T>(store: StoreChoice, use: (server: OwnersServer) => Promise<T>) =>
      withOwnersServer({ ...options, ...store.options, ...tenancy, TENANTS_DIR: folder }, use)
    const cost: RequestCost = { trusted: { none: [], one: [], more: [] }, sandboxed: { one: [], more: [] } }
    for (let round = 0; round < extent.rounds; round++) {
      await withOwnersServer({ ...options, ...none.options }, none => withTenants(one, one => withTenants(more, more =>
        measureRound({ none, one, more }, extent.seconds, cost))))
    }
    return cost
  })))))
}

async function measureRound (
  { none, one, more }: Record<'none' | 'one' | 'more', OwnersServer>, seconds: number, cost: RequestCost
): Promise<void> {
  const single = [rawRequest(`${prefix}/${apiName(0)}`)]
  const trusted = [rawRequest(guestPath(admin, apiName(0)))]
  const path = guestPath(tenantId(0), 'hello') + guestScenarios.hello.query
  // The module is built by its first call.
  await expectAlike([one, more].map(({ port }) => `http://127.0.0.1:${port}${path}`), undefined)
  const sandboxed = [rawRequest(path)]
  await withClient(async client => {
    const once = { rounds: 1, seconds }
    add(cost.trusted, await compare(client, { none: { ...none, requests: single }, one: { ...one, requests: trusted }, more: { ...more, requests: trusted } }, CONNECTIONS, once))
    add(cost.sandboxed, await compare(client, { one: { ...one, requests: sandboxed }, more: { ...more, requests: sandboxed } }, CONNECTIONS, once))
  })
}

function add<Name extends string> (all: Record<Name, Figures[]>, round: Record<Name, Figures[]>): void {
  for (const name of Object.keys(all) as Name[]) all[name].push(...round[name])
}

/** How many a second over HTTP, each with a token for management, one after the other and at once. */
export async function measureRegistrations (count: number): Promise<Record<'alone' | 'atOnce', number>> {
  return withSqlite(store => withOwnersServer({ ...installation, ...store.options, ...tenancy }, ({ port }) => withClient(async client => {
    const perSecond = async (connections: number, count: number, name: string) => {
      const path = `${prefix}/${admin}/tenant-api/register`
      const requests = await many(count, index => tokenRequest(path, { userid: `${name}-${index}` }))
      const load = await client.load({ port, requests, connections, pace: 'once', seconds: 0 })
      if (failures(load) > 0) throw new Error(`expected answers with 2xx only; found ${JSON.stringify(load.statuses)}`)
      return load.requests / load.seconds
    }
    return { alone: await perSecond(1, Math.ceil(count / 8), 'alone'), atOnce: await perSecond(AT_ONCE, count, 'atOnce') }
  })))
}

export interface OwnersStart {
  readonly readyMs: number
  /** Bytes when it was ready. */
  readonly rss: number
}

export interface OwnersStarts {
  readonly first: OwnersStart
  readonly later: OwnersStart[]
  /** Milliseconds of first calls of modules, each of another tenant's. */
  readonly firstCalls: ArrayLike<number>
  /** Milliseconds until all tenants were listed, page by page; and how many pages that were. */
  readonly listMs: number
  readonly pages: number
}

/** Starts with one module for each of so many registered tenants: none was built before, then some were. */
export async function measureStarts (tenants: number, runs: number): Promise<OwnersStarts> {
  const owners = tenantIds(tenants)
  return withFolders(folders => withSqlite(async store => {
    for (const owner of owners) await writeGuest(folders.tenants, owner, 'main', usualSource('usual'))
    await fill(store, tenants)
    const first = await start(folders, store, async server => ({
      ...startOf(server), firstCalls: await withClient(client => firstCalls(client, server, owners)), ...await listAll(server, tenants)
    }))
    const later: OwnersStart[] = []
    for (let run = 0; run < runs; run++) later.push(await start(folders, store, async server => startOf(server)))
    return { first, later, firstCalls: first.firstCalls, listMs: first.listMs, pages: first.pages }
  }))
}

/** What the system denies is told by the status; a benchmark that does not start tells nothing. */
const tenancy: Pick<MicroservicesOptions, 'MULTI_TENANT' | 'sandbox'> = { MULTI_TENANT: true, sandbox: { weakened: true } }

/** Registers tenants in a store that is empty. */
export async function fill ({ settings: store }: StoreChoice, tenants: number): Promise<void> {
  await runRegistry({ kind: 'register', store, tenants, atOnce: 256 })
}

function start<T> (folders: Folders, store: StoreChoice, use: (server: OwnersServer) => Promise<T>): Promise<T> {
  // Watched, as it is in use.
  return withOwnersServer({ ...installation, ...store.options, ...tenancy, TENANTS_DIR: folders.tenants, watch: 'events' }, use)
}

function startOf ({ readyMs, rss }: OwnersServer): OwnersStart {
  return { readyMs, rss }
}

async function firstCalls (client: Client, { port }: OwnersServer, owners: readonly string[]): Promise<Float64Array> {
  const step = Math.max(1, Math.floor(owners.length / FIRST_CALLS))
  const requests = owners.filter((_, index) => index % step === 0).map(owner => rawRequest(guestPath(owner, 'usual')))
  const load = await client.load({ port, requests, connections: 1, pace: 'once', seconds: 0 })
  if (failures(load) > 0) throw new Error(`expected answers with 2xx only; found ${JSON.stringify(load.statuses)}`)
  return load.latencies
}

async function listAll ({ port }: OwnersServer, tenants: number): Promise<{ listMs: number, pages: number }> {
  const path = `${prefix}/${admin}/tenant-api/list`
  const begun = performance.now()
  let found = 0
  let pages = 0
  for (let after: string | undefined = ''; after !== undefined; pages++) {
    const query = `?limit=${PAGE}${after && `&after=${after}`}`
    const response = await fetch(`http://127.0.0.1:${port}${path}${query}`, { headers: { authorization: `Bearer ${await adminToken('GET', path + query)}` } })
    const page = await response.json() as { tenants: unknown[], next?: string }
    found += page.tenants.length
    after = page.next
  }
  if (found !== tenants) throw new Error(`expected ${tenants} tenants; found ${found} in ${pages} pages`)
  return { listMs: performance.now() - begun, pages }
}
