/**
 * Compares the package with bare Fastify and prints Markdown: `npm run bench -- [--only <name>] [--quick]`.
 * Machines are noisy: read the ratios, not the absolute numbers.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { measureLoad } from './measure.ts'
import { measureHeap, measureReloads } from './reload.ts'
import { loadScenarios, scenarios, type ScenarioName } from './scenarios.ts'
import { measureStart } from './start.ts'

/** Takes some 5 minutes; `--quick` a quarter of that, for a look while working. */
const full = { counts: [1, 1_000, 10_000], rounds: 5, seconds: 1, starts: [1_000, 10_000], runs: 5, reloads: 10, heapReloads: 500 }
const quick = { counts: [1, 1_000], rounds: 3, seconds: 1, starts: [1_000], runs: 3, reloads: 5, heapReloads: 100 }

type Extent = typeof full

const TOO_SLOW = 'bare not ready within 60 s'

const sections: Record<string, (extent: Extent) => Promise<void>> = {
  ...Object.fromEntries(loadScenarios.map(name => [name, (extent: Extent) => printLoad(name, extent)])),
  start: printStart,
  reload: printReload,
  heap: printHeap
}

const { values: { only, quick: isQuick } } = parseArgs({
  options: { only: { type: 'string' }, quick: { type: 'boolean', default: false } }
})
if (only !== undefined && !(only in sections)) throw new Error(`--only: expected one of ${Object.keys(sections).join(', ')}; found ${only}`)

console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, ${process.platform}, ${new Date().toISOString().slice(0, 10)}`)
for (const [name, print] of Object.entries(sections)) {
  if (only === undefined || only === name) await print(isQuick ? quick : full)
}

async function printLoad (name: ScenarioName, { counts, rounds, seconds }: Extent): Promise<void> {
  console.log(`\n### ${scenarios[name].shows}: ours / bare, median of ${rounds} rounds (range)\n`)
  row('endpoints', 'requests per second', 'CPU per request', 'ours, req/s', 'bare, req/s', 'ours, µs CPU', 'bare, µs CPU')
  row(...Array<string>(7).fill('---:'))
  for (const count of counts) {
    const { ours = [], bare } = await measureLoad(name, count, { rounds, seconds })
    const [rate, bareRate] = [ours, bare].map(loads => loads?.map(load => load.requestsPerSecond))
    const [cpu, bareCpu] = [ours, bare].map(loads => loads?.map(load => load.cpuMicrosPerRequest))
    row(format(count), ratio(rate, bareRate), ratio(cpu, bareCpu),
      middle(rate), middle(bareRate), middle(cpu, 1), middle(bareCpu, 1))
  }
}

async function printStart ({ starts, runs }: Extent): Promise<void> {
  console.log(`\n### Start: ${scenarios.mixed.shows}, until ready(), median of ${runs} (range)\n`)
  row('endpoints', 'ours, ms', 'bare, ms', 'ours, MB RSS', 'and its esbuild', 'bare, MB RSS')
  row(...Array<string>(6).fill('---:'))
  for (const count of starts) {
    const { ours, bare } = await measureStart(count, runs)
    const megabytes = (values: number[] | undefined) => spread(values?.map(bytes => bytes / 1e6))
    row(format(count), spread(ours?.map(start => start.readyMs)), spread(bare?.map(start => start.readyMs)),
      megabytes(ours?.map(start => start.rss)), megabytes(ours?.map(start => start.childrenRss)), megabytes(bare?.map(start => start.rss)))
  }
}

async function printReload ({ reloads }: Extent): Promise<void> {
  const { liveMs, requests, failed } = await measureReloads(reloads)
  console.log('\n### Reload of a module under load\n')
  row('from save to first new answer, ms', 'requests', 'failed')
  row(...Array<string>(3).fill('---:'))
  row(`${spread(liveMs)}, median of ${reloads} (range)`, format(requests), format(failed))
}

async function printHeap ({ heapReloads }: Extent): Promise<void> {
  const bytes = await measureHeap(heapReloads)
  console.log(`\n### Heap kept per reload\n\n${(bytes / 1000).toFixed(2)} kB, over ${heapReloads} reloads`)
}

function row (...cells: string[]): void {
  console.log(`| ${cells.join(' | ')} |`)
}

/** Ratios of each round, not of the medians: the two of a round met the same machine. */
function ratio (ours: number[] | undefined, bare: number[] | undefined): string {
  return bare === undefined ? TOO_SLOW : spread(ours?.map((value, round) => value / (bare[round] as number)), 2)
}

function spread (values: number[] | undefined, digits = 0): string {
  if (values === undefined) return TOO_SLOW
  return `${middle(values, digits)} (${format(Math.min(...values), digits)} to ${format(Math.max(...values), digits)})`
}

function middle (values: number[] | undefined, digits = 0): string {
  return values === undefined ? TOO_SLOW : format(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number, digits)
}

function format (value: number, digits = 0): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
