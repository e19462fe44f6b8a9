import { type Client, failures, withClient } from './load.ts'
import { type OwnersServer, installation, type StoreChoice, tokenRequest, withOwnersServer, withSqlite } from './owners-child.ts'
import { withDirectory, writeModules } from './modules.ts'
import { cpuMicros } from './processes.ts'
import { apiName, prefix, scenarios } from './scenarios.ts'

/** As many as one event loop serves at its best rate. */
const CONNECTIONS = 64
/** Of one token, over two nodes. */
const USES = 1_000

export interface TokenRound {
  readonly cpuMicrosPerRequest: number
  readonly requestsPerSecond: number
}

export interface TokenCost {
  readonly off: TokenRound[]
  readonly required: TokenRound[]
  /** Milliseconds that the event loop stood still at most, in a round that is not counted: to look costs as well. */
  readonly blocked: Readonly<Record<'off' | 'required', number>>
}

/** Measures an endpoint with and without tokens required, by turns: the same requests, each with a token of its own. */
export async function measureTokens (rounds: number, requests: number): Promise<TokenCost> {
  const path = `${prefix}/${apiName(0)}`
  return withClient(client => withHello({ TOKENS: 'off' }, off => withHello({ TOKENS: 'required' }, async required => {
    const servers = { off, required }
    const cost = { off: [] as TokenRound[], required: [] as TokenRound[], blocked: { off: 0, required: 0 } }
    // The first round is for V8 to compile what is hot.
    for (let round = 0; round <= rounds; round++) {
      const made = await many(requests, () => tokenRequest(path))
      for (const [name, server] of Object.entries(servers) as Array<['off' | 'required', OwnersServer]>) {
        const measured = await sendOnce(client, server, made)
        if (round > 0) cost[name].push(measured)
      }
    }
    const made = await many(requests, () => tokenRequest(path))
    for (const [name, server] of Object.entries(servers) as Array<['off' | 'required', OwnersServer]>) {
      await server.blocked()
      await sendOnce(client, server, made)
      cost.blocked[name] = await server.blocked()
    }
    return cost
  })))
}

/** How many of many parallel uses of one token succeed, half of them at either of two nodes; of each round. */
export async function measureOneToken ({ options }: StoreChoice, rounds: number): Promise<number[]> {
  const path = `${prefix}/${apiName(0)}`
  return withHello({ TOKENS: 'required', ...options }, one => withHello({ TOKENS: 'required', ...options }, two =>
    withClient(first => withClient(async second => {
      const successes: number[] = []
      for (let round = 0; round < rounds; round++) {
        const request = await tokenRequest(path)
        const loads = await Promise.all([[one, first] as const, [two, second] as const].map(([{ port }, client]) =>
          client.load({ port, requests: Array<string>(USES / 2).fill(request), connections: USES / 2, pace: 'once', seconds: 0 })))
        const statuses = loads.flatMap(({ statuses }) => Object.entries(statuses))
        const others = statuses.filter(([status]) => status !== '200' && status !== '401')
        if (others.length > 0) throw new Error(`expected answers with 200 and 401 only; found ${JSON.stringify(others)}`)
        successes.push(statuses.reduce((sum, [status, count]) => sum + (status === '200' ? count : 0), 0))
      }
      return successes
    }))))
}

/** A server of one trusted endpoint, in single-tenant mode. */
async function withHello<T> (options: Parameters<typeof withOwnersServer>[0], use: (server: OwnersServer) => Promise<T>): Promise<T> {
  return withSqlite(store => withDirectory(async directory => {
    await writeModules(directory, scenarios.hello, 1)
    return withOwnersServer({ ...installation, ...store.options, plugins: [directory], ...options }, use)
  }))
}

async function sendOnce (client: Client, { pid, port }: OwnersServer, requests: readonly string[]): Promise<TokenRound> {
  const before = cpuMicros(pid)
  const load = await client.load({ port, requests, connections: CONNECTIONS, pace: 'once', seconds: 0 })
  const cpu = cpuMicros(pid) - before
  if (failures(load) > 0) throw new Error(`expected answers with 2xx only; found ${JSON.stringify(load.statuses)} at port ${port}`)
  return { cpuMicrosPerRequest: cpu / load.requests, requestsPerSecond: load.requests / load.seconds }
}

/** What is made by a pool of threads need not be awaited one by one. */
export function many<T> (count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => make(index)))
}
