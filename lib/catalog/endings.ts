import type { FastifyBaseLogger } from 'fastify'
import type { Workshop } from './guest.ts'
import type { ModuleVersion } from './module.ts'

/** How long the close of the app waits for calls and `__close__` functions. */
const CLOSE_MS = 10_000

/** Ends versions that nobody is to call any more: after their calls, and `__close__` of those that were started. */
export class Endings {
  readonly #workshop: Workshop | undefined
  readonly #log: FastifyBaseLogger
  readonly #closing = new Set<Promise<void>>()

  constructor (workshop: Workshop | undefined, log: FastifyBaseLogger) {
    this.#workshop = workshop
    this.#log = log
  }

  end (version: ModuleVersion): void {
    if (version.guest !== undefined) return this.#workshop?.retire(version.guest)
    const closing = version.close().catch((error: unknown) => {
      this.#log.error({ err: error, module: version.name, version: version.version }, `__close__ failed: ${version.file}`)
    }).finally(() => { this.#closing.delete(closing) })
    this.#closing.add(closing)
  }

  /** All have ended, or long enough was waited. */
  async done (): Promise<void> {
    await Promise.race([Promise.all(this.#closing), new Promise(resolve => { setTimeout(resolve, CLOSE_MS).unref() })])
  }
}
