import type { FastifyBaseLogger } from 'fastify'
import type { Problem } from '../../types/directory.ts'

/** Lines that one look writes at most: 10,000 folders that nobody registered are one mistake. */
const LINES_AT_ONCE = 100

/** Logs each problem when it appears, not at every look. */
export class Reporter {
  readonly #log: FastifyBaseLogger
  readonly #reported = new Map<string, ReadonlySet<string>>()

  constructor (log: FastifyBaseLogger) {
    this.#log = log
  }

  /** @param about what these are all problems of: a tenant's UUID, or the empty name for everything else */
  report (about: string, problems: readonly Problem[]): void {
    const before = this.#reported.get(about)
    const present = new Map(problems.map(problem => [JSON.stringify(problem), problem]))
    if (present.size > 0) this.#reported.set(about, new Set(present.keys()))
    else this.#reported.delete(about)

    const fresh = [...present].filter(([key]) => !before?.has(key)).map(([, problem]) => problem)
    for (const problem of fresh.slice(0, LINES_AT_ONCE)) this.#log.warn({ problem }, problem.message)
    const more = fresh.length - LINES_AT_ONCE
    if (more > 0) this.#log.warn(`${more} more problems, which app.microservices.directory() lists`)
  }
}
