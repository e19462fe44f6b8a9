import { quantile } from './load.ts'
import { runRegistry, type StoreChoice, withMongo, withSqlite } from './owners-child.ts'
import { AT_ONCE, fill, measureRegistrations, measureRequests, measureStarts, type OwnersStart } from './owners-requests.ts'
import { measureOneToken, measureTokens, type TokenRound } from './owners-tokens.ts'
import type { Extent, Figures } from './sandbox-load.ts'
import { bar, format, header, median, middle, ratios, row, spread } from './table.ts'

const MB = 1024 * 1024
const NO_MONGO = 'no MongoDB here'

interface OwnersExtent extends Extent {
  readonly tenants: number
  readonly opens: number
  readonly alone: number
  readonly atOnce: number
  readonly tokens: number
  readonly tokenRounds: number
  readonly starts: number
}

const full: OwnersExtent = { rounds: 9, seconds: 2, tenants: 10_000, opens: 5, alone: 500, atOnce: 5_000, tokens: 20_000, tokenRounds: 7, starts: 3 }
const quick: OwnersExtent = { rounds: 3, seconds: 1, tenants: 1_000, opens: 3, alone: 100, atOnce: 1_000, tokens: 5_000, tokenRounds: 3, starts: 1 }

/** Rounds of the one token: what must never happen is looked for as often here as there. */
const ONE_TOKEN_ROUNDS = 10

/** What owners, keys and tokens cost. Takes some 6 minutes. */
export const ownersSections: Readonly<Record<string, (isQuick: boolean) => Promise<void>>> = {
  registry: isQuick => printRegistry(isQuick ? quick : full),
  tenancy: isQuick => printTenancy(isQuick ? quick : full),
  registrations: isQuick => printRegistrations(isQuick ? quick : full),
  tokens: isQuick => printTokens(isQuick ? quick : full),
  'one-token': printOneToken,
  tenants: isQuick => printStarts(isQuick ? quick : full)
}

async function printRegistry ({ tenants, opens }: OwnersExtent): Promise<void> {
  console.log(`\n### Start of a registry with ${format(tenants)} tenants of two keys each, median of ${opens} processes (range)\n`)
  header('store', 'ms', 'is to be')
  await withBoth(async store => {
    await fill(store, tenants)
    const each: number[] = []
    for (let i = 0; i < opens; i++) each.push(await runRegistry({ kind: 'open', store: store.settings, tenants }))
    row(store.name, spread(each), bar(median(each), { most: 300 }))
  })
}

async function printTenancy ({ tenants, ...extent }: OwnersExtent): Promise<void> {
  const looks = await withSqlite(async store => {
    await fill(store, tenants)
    return runRegistry({ kind: 'look', store: store.settings, tenants })
  })
  console.log(`\n### What a request looks up among ${format(tenants)} tenants, µs of CPU\n`)
  header('namespace', 'admin', 'tenant', 'key of a token', 'all of a call without a token', 'is to be')
  row(format(looks.namespace, 2), format(looks.admin, 2), format(looks.tenant, 2), format(looks.key, 2), format(looks.all, 2), bar(looks.all, { most: 3 }))

  const { trusted, sandboxed } = await measureRequests(tenants, extent)
  console.log(`\n### Hello world beside ${format(tenants)} tenants, median of ${extent.rounds} rounds of new processes (range)\n`)
  header('', 'requests per second', 'CPU per request', 'more CPU per request, µs', 'µs CPU', 'that, µs CPU')
  const print = (name: string, more: Figures[], less: Figures[]) => {
    const cpu = (figures: Figures[]) => figures.map(({ cpuMicrosPerRequest }) => cpuMicrosPerRequest)
    const over = cpu(more).map((value, round) => value - (cpu(less)[round] as number))
    const rates = [more, less].map(figures => figures.map(({ requestsPerSecond }) => requestsPerSecond)) as [number[], number[]]
    row(name, spread(ratios(...rates), 2), spread(ratios(cpu(more), cpu(less)), 2), spread(over, 1),
      middle(cpu(more), 1), middle(cpu(less), 1))
  }
  print('trusted / single-tenant mode', trusted.more, trusted.none)
  print('trusted / with one tenant', trusted.more, trusted.one)
  print('sandboxed / with one tenant', sandboxed.more, sandboxed.one)
}

async function printRegistrations ({ alone, atOnce }: OwnersExtent): Promise<void> {
  console.log('\n### Registrations on SQLite, each durable, per second\n')
  header('', 'one after the other', 'is to be', `${AT_ONCE} at once`, 'is to be')
  const [single, many] = await withSqlite(async ({ settings: store }) => [
    await runRegistry({ kind: 'register', store, tenants: alone }),
    await runRegistry({ kind: 'register', store, tenants: atOnce, from: alone, atOnce: AT_ONCE })
  ]) as [number, number]
  row('in process', format(single), bar(single, { least: 200 }), format(many), bar(many, { least: 2_000 }))
  const http = await measureRegistrations(atOnce)
  row('over HTTP, with tokens', format(http.alone), '', format(http.atOnce), '')
}

async function printTokens ({ tokens, tokenRounds }: OwnersExtent): Promise<void> {
  const { off, required, blocked } = await measureTokens(tokenRounds, tokens)
  const cpu = (rounds: TokenRound[]) => rounds.map(({ cpuMicrosPerRequest }) => cpuMicrosPerRequest)
  const over = cpu(required).map((value, round) => value - (cpu(off)[round] as number))
  console.log(`\n### A token that is required, on SQLite: ${format(tokens)} calls a round, median of ${tokenRounds} rounds (range)\n`)
  header('more CPU per call, µs', 'is to be', 'required, µs CPU', 'off, µs CPU', 'required, req/s', 'off, req/s', 'event loop blocked, ms', 'off')
  row(spread(over, 1), bar(median(over), { most: 60 }), middle(cpu(required), 1), middle(cpu(off), 1),
    ...[required, off].map(rounds => middle(rounds.map(({ requestsPerSecond }) => requestsPerSecond))), format(blocked.required, 1), format(blocked.off, 1))
}

async function printOneToken (): Promise<void> {
  console.log(`\n### 1,000 parallel uses of one token over two nodes, ${ONE_TOKEN_ROUNDS} rounds\n`)
  header('store', 'successes of each round', 'is to be')
  await withBoth(async store => {
    const successes = await measureOneToken(store, ONE_TOKEN_ROUNDS)
    row(store.name, successes.join(', '), `1 each: ${successes.every(count => count === 1) ? 'held' : '**missed**'}`)
  })
}

async function printStarts ({ tenants, starts }: OwnersExtent): Promise<void> {
  const { first, later, firstCalls, listMs, pages } = await measureStarts(tenants, starts)
  console.log(`\n### Start: ${format(tenants)} registered tenants with a module each\n`)
  header('', 'until ready(), ms', 'is to be', 'MB RSS when ready')
  const print = (name: string, of: readonly OwnersStart[]) => {
    const readyMs = of.map(({ readyMs }) => readyMs)
    row(name, spread(readyMs), bar(median(readyMs), { most: 1_500 }), spread(of.map(({ rss }) => rss / MB)))
  }
  print('first', [first])
  print('later', later)
  console.log(`\nFirst calls of modules, built then: ${format(quantile(firstCalls, 0.5), 1)} ms at p50, ${format(quantile(firstCalls, 0.95), 1)} ms at p95. ` +
    `All tenants listed: ${format(listMs)} ms, in ${pages} pages.`)
}

async function withBoth (print: (store: StoreChoice) => Promise<void>): Promise<void> {
  await withSqlite(print)
  const printed = await withMongo(async store => { await print(store); return true })
  if (printed === undefined) row('MongoDB', NO_MONGO, '')
}
