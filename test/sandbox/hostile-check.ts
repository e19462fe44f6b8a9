import type { Test } from 'tap'
import { runHostile, type Answer, type Report } from './hostile-harness.ts'
import { readPrograms, type Expected, type Program, type Step } from './hostile-programs.ts'

/** What the platform never lets a tenant's answer carry. */
const withheld = /^(set-cookie|clear-site-data|service-worker-allowed|access-control-|strict-transport-security|upgrade|trailer)/

/** Runs the programs of a class, each as a test of its own; `part` of `parts` of them, so that files take their share of time. */
export async function checkClass (t: Test, attackClass: string, { part = 0, parts = 1 }: { part?: number, parts?: number } = {}): Promise<void> {
  const wanted = process.env['HOSTILE']
  const programs = readPrograms(attackClass).filter(({ name }, i) => wanted === undefined ? i % parts === part : wanted.split(',').includes(name))
  const seen = (report: Report): unknown => t.test(`${report.program.name}: ${report.program.shows}`, async t => checkReport(t, report))
  await runHostile(programs.filter(one => !isHardened(one)), { seen })
  await runHostile(programs.filter(isHardened), { seen, isBuilt: true })
}

/** Without a JIT compiler Node strips no types, so that such cells run from the package as it is published. */
function isHardened ({ tenant }: Program): boolean {
  return tenant.isolation === 'hardened'
}

/** Asserts all that must hold, whatever a program did. */
export function checkReport (t: Test, report: Report): void {
  const { program, answers, quiet, figures, problems } = report
  t.ok(report.isAlive, 'the app lives')
  t.strictSame(quiet.failures, [], `the quiet tenant was served, ${quiet.calls} times, at worst after ${Math.round(quiet.worstMs)} ms`)
  t.strictSame(report.leaks, [], 'nothing leaked')
  t.strictSame(report.foreignLog, [], 'nothing was written to the logs of others')
  t.equal(figures.isPolluted, false, 'prototypes in the app are as they were')
  for (const [i, step] of program.steps.entries()) checkStep(t, step, answers[i] ?? [], report)
  if (problems.length > 0) t.comment(problems.map(({ code, message }) => `${code} ${message.slice(0, 200)}`).join('\n'))
  t.comment(`event loop blocked for ${Math.round(figures.blockedMs)} ms, largest cell ${Math.round(figures.cellPeakBytes / 2 ** 20)} MB, kills ${JSON.stringify(figures.kills)}`)
}

function checkStep (t: Test, { method, path, expected }: Step, answers: readonly Answer[], { log, problems, program }: Report): void {
  if (expected.some(({ status, code }) => status === 'refused' && problems.some(problem => problem.code === code))) {
    t.ok(answers.every(({ status }) => status === 404), `${method} ${path}: not served`)
    return
  }
  for (const answer of answers) {
    const { status, code, body, tookMs, headers } = answer
    const found = `${method} ${path}: ${status} ${code ?? ''} after ${Math.round(tookMs)} ms`
    if (!expected.some(one => fits(one, answer))) t.fail(`${found}: ${body.slice(0, 1_000)}`, { wanted: expected, problems, log: log.slice(-3) })
    else t.pass(found)
    t.strictSame(Object.keys(headers).filter(name => withheld.test(name)), [], 'no header that acts on the origin')
    // What was wrong is the tenant's to know; a call that was refused for its number is no error of the module's.
    if (code?.startsWith('FMS_ERR_') && status !== 404) t.ok(log.some(entry => entry.code === code), `its log has the reason, ${code}`)
  }
  const logged = log.reduce((sum, { message, stack = '' }) => sum + message.length + stack.length, 0)
  const most = 8 * (program.tenant.limits['logBytes'] ?? 32 * 1024)
  if (logged > most) t.fail('its log is within its limit', { logged, most })
}

function fits ({ status, code, body }: Expected, answer: Answer): boolean {
  return status === answer.status && (code === undefined || code === answer.code) &&
    (body === undefined || sameJson(body.replaceAll('{n}', String(answer.number)), answer.body))
}

function sameJson (one: string, other: string): boolean {
  try {
    return JSON.stringify(JSON.parse(one)) === JSON.stringify(JSON.parse(other))
  } catch {
    return false
  }
}
