import { setTimeout } from 'node:timers/promises'
import { type Client, failures, rawRequest, withClient } from './load.ts'
import { type SandboxServer, withFolders, withSandbox } from './sandbox-child.ts'
import { guestPath, tenantIds, usualSource, writeGuest } from './sandbox-scenarios.ts'

/** Calls before those that count: the app's own code is compiled, and there is a cell. */
const WARM_UP = 50
const MODULES_PER_TENANT = 10
const STANDBY_WITHIN_MS = 5_000
const LOOK_AGAIN_MS = 20

/**
 * Milliseconds of first calls, at the client. `ever`: the checks of arguments and results are made for it too. `again`: in
 * an app that finds all that was made before, as after a restart, or where an isolate had been dropped.
 */
export async function measureFirstCalls (modules: number): Promise<{ ever: number[], again: number[] }> {
  const owners = tenantIds(Math.ceil((modules + WARM_UP) / MODULES_PER_TENANT))
  const names = Array.from({ length: MODULES_PER_TENANT }, (_, i) => `first${i}`)
  const urls = owners.flatMap(owner => names.map(name => guestPath(owner, name)))
  return withFolders(async folders => {
    for (const owner of owners) for (const name of names) await writeGuest(folders.tenants, owner, name, usualSource(name))
    // All of them stay: what is measured is the making of isolates, not that of room for them.
    const measure = () => withSandbox(folders, { sandbox: { memoryMb: 4_096 } }, server => withClient(async client => {
      await callEach(client, server, urls.slice(0, WARM_UP))
      return callEach(client, server, urls.slice(WARM_UP))
    }))
    return { ever: await measure(), again: await measure() }
  })
}

/** The same where each tenant has a cell of its own. `waiting`: when a standby is there; `rushed`: one right after the other. */
export async function measureNewCells (tenants: number): Promise<{ waiting: number[], rushed: number[] }> {
  const owners = tenantIds(2 * tenants)
  return withFolders(async folders => {
    for (const owner of owners) await writeGuest(folders.tenants, owner, 'main', usualSource('first'))
    return withSandbox(folders, { sandbox: { memoryMb: 16_384, isolation: 'dedicated' } }, server => withClient(async client => {
      const urls = owners.map(owner => guestPath(owner, 'first'))
      const waiting: number[] = []
      for (const url of urls.slice(0, tenants)) {
        await standby(server)
        waiting.push(...await callEach(client, server, [url]))
      }
      return { waiting, rushed: await callEach(client, server, urls.slice(tenants)) }
    }))
  })
}

async function callEach (client: Client, { port }: SandboxServer, urls: readonly string[]): Promise<number[]> {
  const load = await client.load({ port, requests: urls.map(url => rawRequest(url)), connections: 1, pace: 'once', seconds: 0 })
  if (failures(load) > 0) throw new Error(`expected answers with 2xx only; found ${JSON.stringify(load.statuses)}`)
  return [...load.latencies]
}

/** Waits for one, but goes on without: that there is none shows in the figures. */
async function standby (server: SandboxServer): Promise<void> {
  const deadline = performance.now() + STANDBY_WITHIN_MS
  while (performance.now() < deadline && !(await server.status()).cells.some(({ use }) => use === 'standby')) await setTimeout(LOOK_AGAIN_MS)
}
