/**
 * Compares the package with bare Fastify and prints Markdown: `npm run bench -- [<section> …] [--quick]`, all sections
 * where none is named. Machines are noisy: read the ratios, not the absolute numbers.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { measureLoad } from './measure.ts'
import { ownersSections } from './owners.ts'
import { measureHeap, measureReloads } from './reload.ts'
import { sandboxSections } from './sandbox.ts'
import { loadScenarios, scenarios, type ScenarioName } from './scenarios.ts'
import { measureStart } from './start.ts'
import * as table from './table.ts'
import { uploadsSections } from './uploads.ts'

/** Takes some 5 minutes without the sections of the sandbox, of owners and of uploads; `--quick` a quarter of that, for a look while working. */
const full = { counts: [1, 1_000, 10_000], rounds: 5, seconds: 1, starts: [1_000, 10_000], runs: 5, reloads: 10, heapReloads: 500 }
const quick = { counts: [1, 1_000], rounds: 3, seconds: 1, starts: [1_000], runs: 3, reloads: 5, heapReloads: 100 }

type Extent = typeof full

const TOO_SLOW = 'bare not ready within 60 s'

const { format, header, row } = table

const sections: Record<string, (extent: Extent) => Promise<void>> = {
  ...Object.fromEntries(loadScenarios.map(name => [name, (extent: Extent) => printLoad(name, extent)])),
  start: printStart,
  reload: printReload,
  heap: printHeap,
  ...Object.fromEntries(Object.entries({ ...sandboxSections, ...ownersSections, ...uploadsSections }).map(([name, print]) => [name, (extent: Extent) => print(extent === quick)]))
}
/** Several sections by one name. */
const groups: Record<string, string[]> = { owners: Object.keys(ownersSections), uploads: Object.keys(uploadsSections) }

const { positionals, values: { quick: isQuick } } = parseArgs({
  allowPositionals: true, options: { quick: { type: 'boolean', default: false } }
})
const chosen = positionals.flatMap(name => groups[name] ?? name)
const unknown = chosen.find(name => !(name in sections))
if (unknown !== undefined) throw new Error(`expected sections out of ${[...Object.keys(groups), ...Object.keys(sections)].join(', ')}; found ${unknown}`)

console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, ${process.platform}, ${new Date().toISOString().slice(0, 10)}`)
for (const [name, print] of Object.entries(sections)) {
  if (chosen.length === 0 || chosen.includes(name)) await print(isQuick ? quick : full)
}

async function printLoad (name: ScenarioName, { counts, rounds, seconds }: Extent): Promise<void> {
  console.log(`\n### ${scenarios[name].shows}: ours / bare, median of ${rounds} rounds (range)\n`)
  header('endpoints', 'requests per second', 'CPU per request', 'ours, req/s', 'bare, req/s', 'ours, µs CPU', 'bare, µs CPU')
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
  header('endpoints', 'ours, ms', 'bare, ms', 'ours, MB RSS', 'and its esbuild', 'bare, MB RSS')
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
  header('from save to first new answer, ms', 'requests', 'failed')
  row(`${spread(liveMs)}, median of ${reloads} (range)`, format(requests), format(failed))
}

async function printHeap ({ heapReloads }: Extent): Promise<void> {
  const bytes = await measureHeap(heapReloads)
  console.log(`\n### Heap kept per reload\n\n${(bytes / 1000).toFixed(2)} kB, over ${heapReloads} reloads`)
}

function ratio (ours: number[] | undefined, bare: number[] | undefined): string {
  return ours === undefined || bare === undefined ? TOO_SLOW : table.spread(table.ratios(ours, bare), 2)
}

function spread (values: number[] | undefined, digits = 0): string {
  return values === undefined ? TOO_SLOW : table.spread(values, digits)
}

function middle (values: number[] | undefined, digits = 0): string {
  return values === undefined ? TOO_SLOW : table.middle(values, digits)
}
