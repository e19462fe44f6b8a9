import { type Answer, type Report, runHostile } from '../sandbox/hostile-harness.ts'
import { readPrograms } from '../sandbox/hostile-programs.ts'

const MB = 1024 * 1024

/** A figure, and whose it is. */
export interface Worst { readonly value: number, readonly program: string }

/** What the programs of one class of attacks did at worst; times in milliseconds. */
export interface Attacks {
  readonly attackClass: string
  readonly programs: number
  readonly isAlive: boolean
  /** For how long the app's event loop stood still. */
  readonly blocked: Worst
  /** How long after the limit that it broke the offender had its answer. */
  readonly late: Worst
  /** Megabytes that a cell had above its cap: what it has when idle, and what the tenant may have. */
  readonly above: Worst
  /** The quiet tenant's calls. */
  readonly calls: number
  readonly failed: number
  readonly wait: Worst
}

/** Runs the tests' hostile programs, all or each one in `step`, and looks at figures instead of outcomes. */
export async function measureHostile (step: number): Promise<Attacks[]> {
  const reports = await runHostile(readPrograms().filter((_, index) => index % step === 0))
  const classes = Map.groupBy(reports, ({ program }) => program.attackClass)
  return [...classes].map(([attackClass, of]) => ({
    attackClass,
    programs: of.length,
    isAlive: of.every(({ isAlive }) => isAlive),
    blocked: worst(of, ({ figures }) => figures.blockedMs),
    late: worst(of, ({ program, answers }) => Math.max(0, ...answers.flat().map(answer => lateness(answer, program.tenant.limits)))),
    above: worst(of, ({ program, figures }) => {
      const { memoryMb = 64 } = program.tenant.limits
      return Math.max(0, figures.cellPeakBytes - figures.cellIdleBytes) / MB - memoryMb
    }),
    calls: of.reduce((sum, { quiet }) => sum + quiet.calls, 0),
    failed: of.reduce((sum, { quiet }) => sum + quiet.failures.length, 0),
    wait: worst(of, ({ quiet }) => quiet.worstMs)
  }))
}

function worst (reports: readonly Report[], figure: (report: Report) => number): Worst {
  const all = reports.map(report => ({ value: figure(report), program: report.program.name }))
  return all.reduce((most, one) => one.value > most.value ? one : most)
}

/** Of one that was ended: beyond the time of a call where it took that, else beyond the time of a turn. */
function lateness ({ code, tookMs }: Answer, { turnMs = 1_000, timeoutSecs = 30 }: Readonly<Record<string, number>>): number {
  if (code !== 'FMS_ERR_TIMEOUT' && code !== 'FMS_ERR_CRASH') return 0
  const wallMs = timeoutSecs * 1000
  return tookMs >= wallMs ? tookMs - wallMs : tookMs - turnMs
}
