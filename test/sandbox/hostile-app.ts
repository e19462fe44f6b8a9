import { mkdirSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import Fastify from 'fastify'
import type { MicroservicesOptions } from '../../lib/index.ts'

/** What the app is started with, as the first message to its process. */
export interface Start {
  readonly directory: string
  /** Of the package in dist/; else of its sources. */
  readonly isBuilt: boolean
  readonly options: MicroservicesOptions
  /** Written where the app may read it and no tenant may. */
  readonly secret: string
}

/** What the harness asks for. `figures` are those since the last time, and begin anew. */
export type Ask = { readonly id: number } & (
  | { readonly what: 'refresh' | 'figures' | 'close' }
  | { readonly what: 'logs' | 'problems', readonly owner: string }
)

export interface Figures {
  /** The longest that the app's event loop was blocked. */
  readonly blockedMs: number
  /** The most that any one cell had, and the least that one had when it began. */
  readonly cellPeakBytes: number
  readonly cellIdleBytes: number
  readonly kills: Readonly<Record<string, number>>
  readonly isPolluted: boolean
}

const SAMPLE_MS = 20

process.once('message', (start: Start) => {
  serve(start).catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})

async function serve ({ directory, isBuilt, options, secret }: Start): Promise<void> {
  mkdirSync(join(directory, 'plugins'), { recursive: true })
  writeFileSync(join(directory, 'plugins', 'secret.txt'), secret)
  writeFileSync(join(directory, '.env'), `SECRET=${secret}\n`)
  const { default: microservices } = await import(isBuilt ? '../../dist/lib/index.js' : '../../lib/index.ts') as typeof import('../../lib/index.ts')
  const app = Fastify({ forceCloseConnections: true })
  await app.register(microservices, options)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const meter = new Meter(() => app.microservices.status()?.cells ?? [])
  process.on('message', (ask: Ask) => {
    const answer = async (): Promise<unknown> => {
      switch (ask.what) {
        case 'refresh': return app.microservices.refresh()
        // Not the calls themselves: what was written.
        case 'logs': return app.microservices.logs(ask.owner).filter(({ status }) => status === undefined)
        case 'problems': return app.microservices.directory().problems.filter(({ owner }) => owner === ask.owner)
        case 'figures': return { ...meter.take(), kills: app.microservices.status()?.kills ?? {} } satisfies Figures
        case 'close':
          meter.stop()
          return app.close()
      }
    }
    void answer().then(result => process.send!({ id: ask.id, result }), error => process.send!({ id: ask.id, error: String(error.stack) })).then(() => {
      if (ask.what === 'close') process.disconnect()
    })
  })
  process.send!({ port: (app.server.address() as AddressInfo).port })
}

class Meter {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 })
  readonly #timer: NodeJS.Timeout
  #peak = 0
  #idle = 0

  constructor (cells: () => ReadonlyArray<{ readonly use: string, readonly residentBytes: number }>) {
    this.#delay.enable()
    this.#timer = setInterval(() => {
      for (const { use, residentBytes } of cells()) {
        this.#peak = Math.max(this.#peak, residentBytes)
        if (use === 'standby') this.#idle = residentBytes
      }
    }, SAMPLE_MS)
  }

  take (): Omit<Figures, 'kills'> {
    const taken = {
      blockedMs: this.#delay.max / 1e6, cellPeakBytes: this.#peak, cellIdleBytes: this.#idle, isPolluted: Object.keys(Object.prototype).length > 0 || 'polluted' in {}
    }
    this.#delay.reset()
    this.#peak = 0
    return taken
  }

  stop (): void {
    clearInterval(this.#timer)
    this.#delay.disable()
  }
}
