/** More would only hold more sources in memory: two processes make the modules. */
const BUILDS_AT_ONCE = 16

type Job = () => Promise<void>

/** Builds of tenants' modules, owners by turns: who has many, or slow ones, makes nobody else wait for all of them. */
export class BuildQueue {
  readonly #atOnce: number
  readonly #waiting = new Map<string, Job[]>()
  #running = 0

  constructor (atOnce = BUILDS_AT_ONCE) {
    this.#atOnce = atOnce
  }

  /** Resolves when the job, which must not reject, is done. */
  add (owner: string, work: Job): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const jobs = this.#waiting.get(owner) ?? []
    this.#waiting.set(owner, jobs)
    jobs.push(() => work().finally(resolve))
    this.#next()
    return promise
  }

  #next (): void {
    while (this.#running < this.#atOnce) {
      const [first] = this.#waiting
      if (first === undefined) return
      const [owner, jobs] = first
      const job = jobs.shift() as Job
      this.#waiting.delete(owner)
      // To the end of the line.
      if (jobs.length > 0) this.#waiting.set(owner, jobs)
      this.#running++
      void job().finally(() => {
        this.#running--
        this.#next()
      })
    }
  }
}
