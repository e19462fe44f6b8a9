import { performance } from 'node:perf_hooks'
import { type Server, type ServerSpec, withServer } from './child.ts'
import { withDirectory, writeModules, writeVersion } from './modules.ts'
import { prefix, scenarios } from './scenarios.ts'

/** Enough to be under way at any moment of the swap. */
const CLIENTS = 8
const LIVE_WITHIN_MS = 10_000
/** Beside the one that changes: what a reload costs must not hide behind an empty directory. */
const NEIGHBOURS = 100

/** Reloads before the first look at the heap: by then code is compiled and caches are filled. */
const WARM_UP_RELOADS = 20

/** V8 drops the start's bytecode at some time of its own, 4 MB of it: more than all reloads keep. */
const keepBytecode = { watch: false, flags: ['--no-flush-bytecode'] } as const

export interface Reloads {
  /** From before the file was written to the first answer of the new version. */
  readonly liveMs: number[]
  readonly requests: number
  readonly failed: number
}

/** Saves a module again and again while clients call it. */
export async function measureReloads (times: number): Promise<Reloads> {
  return withVersions({ watch: 'events' }, async (server, directory) => {
    const clients = new Clients(server)
    const liveMs: number[] = []
    try {
      for (let version = 1; version <= times; version++) {
        const started = performance.now()
        const [live] = await Promise.all([clients.waitFor(version), writeVersion(directory, version)])
        liveMs.push(live - started)
      }
    } finally {
      await clients.stop()
    }
    return { liveMs, requests: clients.requests, failed: clients.failed }
  })
}

/** Bytes of heap that each reload keeps, its schemas compiled and its function called once. */
export async function measureHeap (times: number): Promise<number> {
  return withVersions(keepBytecode, async (server, directory) => {
    const reload = async (version: number) => {
      await writeVersion(directory, version)
      await server.refresh()
      const found = await tellVersion(server)
      if (found !== version) throw new Error(`expected version ${version} after refresh(); found ${found}`)
    }
    for (let version = 1; version <= WARM_UP_RELOADS; version++) await reload(version)
    const before = await server.memory()
    for (let i = 1; i <= times; i++) await reload(WARM_UP_RELOADS + i)
    const after = await server.memory()
    return (after.heapUsed - before.heapUsed) / times
  })
}

async function withVersions<T> (spec: Pick<ServerSpec, 'watch' | 'flags'>, use: (server: Server, directory: string) => Promise<T>): Promise<T> {
  return withDirectory(async directory => {
    await writeModules(directory, scenarios.hello, NEIGHBOURS)
    await writeVersion(directory, 0)
    return withServer({ kind: 'ours', scenario: 'hello', count: NEIGHBOURS, directory, ...spec }, server => use(server, directory))
  })
}

async function tellVersion (server: Server): Promise<number> {
  const response = await fetch(`${server.address}${prefix}/version`, { signal: AbortSignal.timeout(LIVE_WITHIN_MS) })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`expected 200; found ${response.status} ${text}`)
  return (JSON.parse(text) as { version: number }).version
}

/** Clients that call without a pause, and note when a version answers for the first time. */
class Clients {
  requests = 0
  failed = 0
  readonly #server: Server
  readonly #loops: Promise<void>[]
  #stopped = false
  #awaited: { version: number, resolve: (time: number) => void } | undefined

  constructor (server: Server) {
    this.#server = server
    this.#loops = Array.from({ length: CLIENTS }, () => this.#loop())
  }

  waitFor (version: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`version ${version} did not answer within ${LIVE_WITHIN_MS / 1000} s`)), LIVE_WITHIN_MS)
      this.#awaited = { version, resolve: time => { clearTimeout(timer); resolve(time) } }
    })
  }

  async stop (): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#loops)
  }

  async #loop (): Promise<void> {
    while (!this.#stopped) {
      this.requests++
      try {
        if (await tellVersion(this.#server) === this.#awaited?.version) this.#awaited.resolve(performance.now())
      } catch {
        this.failed++
      }
    }
  }
}
