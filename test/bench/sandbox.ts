import { withClient, rawRequest, quantile } from './load.ts'
import { hasPeers, measurePeers, peerNames } from './peers.ts'
import { withBare, withFolders, withSandbox } from './sandbox-child.ts'
import { measureFirstCalls, measureNewCells } from './sandbox-cold.ts'
import { measureHostile, type Worst } from './sandbox-hostile.ts'
import { compare, expectAlike, type Extent, type Figures } from './sandbox-load.ts'
import { measureNeighbours, neighbours } from './sandbox-neighbours.ts'
import { measureScale, type Start } from './sandbox-scale.ts'
import { type GuestScenario, guestPath, guestScenarios, tenantIds, writeGuest } from './sandbox-scenarios.ts'
import { bar, format, header, median, middle, ratios, row, spread } from './table.ts'

const MB = 1024 * 1024
const CONNECTIONS = [1, 64]

interface SandboxExtent extends Extent {
  readonly tenants: readonly number[]
  readonly peerRounds: number
  readonly firstCalls: number
  readonly newCells: number
  readonly neighbourRounds: number
  readonly neighbourSeconds: number
  readonly scale: number
  readonly starts: number
  /** One in so many hostile programs. */
  readonly hostileStep: number
}

const full: SandboxExtent = {
  rounds: 5,
  seconds: 1,
  tenants: [1, 8, 60],
  peerRounds: 3,
  firstCalls: 300,
  newCells: 10,
  neighbourRounds: 3,
  neighbourSeconds: 8,
  scale: 1_000,
  starts: 3,
  hostileStep: 1
}
const quick: SandboxExtent = {
  rounds: 3,
  seconds: 1,
  tenants: [1, 8],
  peerRounds: 1,
  firstCalls: 100,
  newCells: 4,
  neighbourRounds: 1,
  neighbourSeconds: 5,
  scale: 200,
  starts: 1,
  hostileStep: 8
}

/** What tenants' code costs. Takes some 8 minutes, of which the peers take two. */
export const sandboxSections: Readonly<Record<string, (isQuick: boolean) => Promise<void>>> = {
  sandbox: isQuick => printSandbox(isQuick ? quick : full),
  peers: isQuick => printPeers(isQuick ? quick : full),
  cold: isQuick => printCold(isQuick ? quick : full),
  neighbours: isQuick => printNeighbours(isQuick ? quick : full),
  scale: isQuick => printScale(isQuick ? quick : full),
  hostile: isQuick => printHostile(isQuick ? quick : full)
}

async function printSandbox ({ tenants, ...extent }: SandboxExtent): Promise<void> {
  const owners = tenantIds(Math.max(...tenants))
  await withFolders(async folders => {
    const sources = Object.values(guestScenarios).map(({ source }) => source)
    for (const owner of owners) await writeGuest(folders.tenants, owner, 'main', ...sources)
    await withClient(client => withBare(owners.length, bare => withSandbox(folders, {}, async ours => {
      for (const name of ['hello', 'echo'] as const) {
        const { shows, query, payload }: GuestScenario = guestScenarios[name]
        console.log(`\n### Sandboxed: ${shows}: ours / bare, median of ${extent.rounds} rounds (range)\n`)
        header('tenants', 'connections', 'requests per second', 'is to be', 'CPU per request', 'over bare at p50, ms', 'is to be',
          'ours, p50 and p99, ms', 'bare, p50 and p99, ms', 'ours, req/s', 'bare, req/s', 'client, CPU')
        for (const count of tenants) {
          const paths = owners.slice(0, count).map(owner => guestPath(owner, name) + query)
          await expectAlike([ours, bare].map(({ port }) => `http://127.0.0.1:${port}${paths[0]}`), payload)
          const requests = paths.map(path => rawRequest(path, payload))
          for (const connections of CONNECTIONS) {
            const figures = await compare(client, { ours: { ...ours, requests }, bare: { ...bare, requests } }, connections, extent)
            printLoad(count, connections, figures)
          }
        }
      }
      printLayers(await ours.status())
    })))
  })
}

function printLoad (tenants: number, connections: number, { ours, bare }: Record<'ours' | 'bare', Figures[]>): void {
  const rate = ratios(pick(ours, 'requestsPerSecond'), pick(bare, 'requestsPerSecond'))
  const cpu = ratios(pick(ours, 'cpuMicrosPerRequest'), pick(bare, 'cpuMicrosPerRequest'))
  const over = ours.map(({ p50 }, round) => p50 - (bare[round]?.p50 as number))
  const times = (figures: Figures[]) => `${middle(pick(figures, 'p50'), 2)}, ${middle(pick(figures, 'p99'), 2)}`
  row(format(tenants), format(connections),
    spread(rate, 2), connections > 1 ? bar(median(rate), { least: tenants > 8 ? 0.6 : 0.8 }) : '',
    spread(cpu, 2), spread(over, 2), connections > 1 ? '' : bar(median(over), { most: 0.2 }),
    times(ours), times(bare), middle(pick(ours, 'requestsPerSecond')), middle(pick(bare, 'requestsPerSecond')),
    `${middle(pick(ours, 'clientLoad'), 2)}, ${middle(pick(bare, 'clientLoad'), 2)}`)
}

function printLayers ({ layers, cells }: { layers: object, cells: readonly object[] }): void {
  console.log(`\nLayers in force: ${Object.entries(layers).map(([name, value]) => `${name} ${value}`).join(', ')}; ${cells.length} cells.`)
}

function pick (figures: readonly Figures[], name: keyof Figures): number[] {
  return figures.map(figure => figure[name])
}

async function printPeers ({ peerRounds: rounds, seconds }: SandboxExtent): Promise<void> {
  if (!hasPeers()) return console.log('\nThe peers are not installed: run `npm install` in test/bench/peers.')
  for (const scenario of ['greet', 'echo'] as const) {
    for (const connections of CONNECTIONS) {
      const figures = await measurePeers(scenario, connections, { rounds, seconds })
      console.log(`\n### Peers: ${guestScenarios[scenario].shows}, connections at once: ${connections}, median of ${rounds} rounds (range)\n`)
      header('', 'requests per second', 'ours / that', 'is to be', 'CPU per request, µs', 'p50, ms', 'p99, ms')
      for (const name of ['ours', 'bare', ...peerNames] as const) {
        const ratio = ratios(pick(figures.ours, 'requestsPerSecond'), pick(figures[name], 'requestsPerSecond'))
        const isCompared = connections > 1 && (name === 'workerd' || name === 'functions-framework')
        row(name, spread(pick(figures[name], 'requestsPerSecond')), spread(ratio, 2), isCompared ? bar(median(ratio), { least: 1.7 }) : '',
          middle(pick(figures[name], 'cpuMicrosPerRequest')), middle(pick(figures[name], 'p50'), 2), middle(pick(figures[name], 'p99'), 2))
      }
    }
  }
}

async function printCold ({ firstCalls, newCells }: SandboxExtent): Promise<void> {
  const { ever, again } = await measureFirstCalls(firstCalls)
  const { waiting, rushed } = await measureNewCells(newCells)
  console.log('\n### First call of a module, at the client\n')
  header('', 'calls', 'p50, ms', 'is to be', 'p95, ms', 'is to be', 'worst, ms')
  const print = (name: string, times: number[], bars: readonly [p50: number, p95: number] | undefined) => {
    const [p50, p95] = [quantile(times, 0.5), quantile(times, 0.95)]
    row(name, format(times.length), format(p50, 1), bars ? bar(p50, { most: bars[0] }) : '',
      format(p95, 1), bars ? bar(p95, { most: bars[1] }) : '', format(Math.max(...times), 1))
  }
  print('in a live cell', again, [6, 12])
  print('in a live cell, the first ever: its checks are made too', ever, undefined)
  print('in a new cell, which stood by', waiting, undefined)
  print('in a new cell, one call right after the other', rushed, undefined)
}

async function printNeighbours ({ neighbourRounds: rounds, neighbourSeconds: seconds }: SandboxExtent): Promise<void> {
  const all: Array<Awaited<ReturnType<typeof measureNeighbours>>> = []
  for (let round = 0; round < rounds; round++) all.push(await measureNeighbours(seconds))
  console.log(`\n### A quiet tenant, 100 calls a second, beside one that …, median of ${rounds} rounds (range), ms\n`)
  header('beside', 'calls', 'failed', 'p50', 'p99', 'worst', 'is to be', 'p99 once settled', 'is to alone', 'is to be', 'event loop blocked', 'offender got')
  for (const name of neighbours) {
    const each = all.map(round => round[name])
    const of = (figure: 'p50' | 'p99' | 'worst' | 'settledP99' | 'blocked') => each.map(beside => beside[figure])
    const toAlone = ratios(of('settledP99'), all.map(round => round.nobody.settledP99))
    row(name, format(sum(each.map(({ calls }) => calls))), format(sum(each.map(({ failed }) => failed))),
      spread(of('p50'), 2), spread(of('p99'), 2), spread(of('worst'), 1), name === 'nobody' ? '' : bar(Math.max(...of('worst')), { most: 400 }),
      spread(of('settledP99'), 2), spread(toAlone, 2), name === 'spins' ? bar(median(toAlone), { most: 2 }) : '',
      spread(of('blocked'), 1), Object.entries(each[0]?.offences ?? {}).map(([status, count]) => `${format(count)} × ${status}`).join(', '))
  }
}

function sum (values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

async function printScale ({ scale, starts }: SandboxExtent): Promise<void> {
  const { first, later, idle } = await measureScale(scale, starts)
  console.log(`\n### Start: ${format(scale)} tenants' modules with ${format(10 * scale)} endpoints\n`)
  header('', 'until ready(), ms', 'all served, ms', 'is to be', 'MB RSS when ready', 'is to be', 'after collection')
  const print = (name: string, of: Start[], ms: number, rss: number | undefined) => {
    const megabytes = (figure: 'rss' | 'collected') => of.map(start => start[figure] / MB)
    const servedMs = of.map(start => start.servedMs)
    row(name, spread(of.map(({ readyMs }) => readyMs)), spread(servedMs), bar(median(servedMs), { most: ms }),
      spread(megabytes('rss')), rss === undefined ? '' : bar(median(megabytes('rss')), { most: rss }), spread(megabytes('collected')))
  }
  print('first', [first], 20_000, undefined)
  print('later, nothing changed', later, 1_500, 250)
  console.log('\n### Idle isolates, each called once\n')
  header('isolates', 'cells', 'MB each', 'is to be')
  const megabytes = idle.bytesPerIsolate / MB
  row(format(idle.isolates), format(idle.cells), format(megabytes, 2), bar(megabytes, { most: 2 }))
}

async function printHostile ({ hostileStep }: SandboxExtent): Promise<void> {
  const attacks = await measureHostile(hostileStep)
  console.log('\n### Hostile programs, by class, at worst\n')
  header('class', 'programs', 'app alive', 'event loop blocked, ms', 'is to be', 'answer after the limit, ms', 'is to be',
    'cell above its cap, MB', 'is to be', 'quiet calls', 'failed', 'longest, ms')
  const show = ({ value, program }: Worst) => `${format(value)} (${program})`
  for (const { attackClass, programs, isAlive, blocked, late, above, calls, failed, wait } of attacks) {
    row(attackClass, format(programs), isAlive ? 'yes' : '**no**', show(blocked), bar(blocked.value, { most: 100 }),
      show(late), bar(late.value, { most: 250 }), show(above), bar(above.value, { most: 64 }), format(calls), format(failed), show(wait))
  }
}
