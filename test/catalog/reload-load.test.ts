import { renameSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { build, moduleSource } from '../helper.ts'

/** An edit that is not live by then never will be. */
const DEADLINE_MS = 15_000
const EDITS = 20
const CLIENTS = 6

/** `{ "version": n }`, with a handler that is under way for a while, so that edits meet calls. */
const versionSource = (version: number, more = '') => moduleSource({
  versioned: "{ method: 'GET|POST', args: Type.Object({ n: Type.Number({ default: 0 }) }) }, async ({ n }) => " +
    `{ await new Promise(resolve => setTimeout(resolve, n % 5)); return { version: ${version}, n, helper } }`
}, `import { helper } from './_helper.ts'\n${more}`)

const lifecycle = `
let open = false
export const __start__ = () => { open = true }
export const __close__ = () => { open = false }
export const state = endpoint({}, async () => { const before = open; await new Promise(resolve => setTimeout(resolve, 3)); return { open: before && open } })`

interface Answer { status: number, body: { version?: number, n?: number, helper?: number, open?: boolean } }

/** One client with one connection, as long as the server keeps it. */
function client (t: Test, port: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => { agent.destroy() })
  return async (method: string, path: string, body?: object): Promise<Answer> => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const text = body && JSON.stringify(body)
    const outgoing = request({ agent, port, host: '127.0.0.1', method, path, headers: text ? { 'content-type': 'application/json' } : {} }, incoming => {
      const chunks: Buffer[] = []
      incoming.on('data', chunk => chunks.push(chunk)).on('error', reject).on('end', () => {
        try {
          resolve({ status: incoming.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) })
        } catch (error) {
          reject(error)
        }
      })
    })
    outgoing.on('error', reject).end(text)
    return await promise
  }
}

for (const watch of ['events', 'poll'] as const) {
  t.test(`${watch}: no call fails while a module is edited ${EDITS} times under load`, { timeout: 110_000 }, async t => {
    const { app, directory, url } = await build(t, {
      watch,
      files: { 'a.ts': versionSource(0, lifecycle), 'b.ts': moduleSource({ neighbour: '{}, () => ({ version: ++calls })' }, 'let calls = 0'), '_helper.ts': 'export const helper = 0' }
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const traffic = new Traffic(t, port, url)
    const clients = Array.from({ length: CLIENTS }, (_, i) => traffic.loop(i))
    const a = join(directory, 'a.ts')
    const edits: Array<(version: number) => void> = [
      version => { writeFileSync(a, versionSource(version, lifecycle)) },
      version => {
        writeFileSync(join(directory, '.a.ts.tmp'), versionSource(version, lifecycle))
        renameSync(join(directory, '.a.ts.tmp'), a)
      },
      version => {
        // In two pieces, the first of which is no module.
        writeFileSync(a, versionSource(version, lifecycle).slice(0, -20))
        setImmediate(() => { writeFileSync(a, versionSource(version, lifecycle)) })
      }
    ]
    try {
      for (let version = 1; version <= EDITS; version++) {
        if (version % 5 === 0) await breakModule(t, a, app)
        traffic.allow(version)
        edits[version % edits.length]?.(version)
        await traffic.live('version', version)
        if (version % 4 === 0) {
          traffic.helper = version
          writeFileSync(join(directory, '_helper.ts'), `export const helper = ${version}`)
          await traffic.live('helper', version)
        }
      }
    } finally {
      traffic.stop()
      await Promise.all(clients)
    }
    t.strictSame(traffic.failures, [], 'no call failed, and none was answered by another version than the old or the new')
    t.ok(traffic.calls > EDITS * CLIENTS, `${traffic.calls} calls`)
    t.equal(traffic.neighbourCalls, traffic.neighbourCount, 'the neighbour was never loaded again')
    t.strictSame(app.microservices.directory().problems, [])
  })
}

async function breakModule (t: Test, file: string, app: Awaited<ReturnType<typeof build>>['app']): Promise<void> {
  writeFileSync(file, 'export const = broken')
  const end = Date.now() + DEADLINE_MS
  while (app.microservices.directory().problems.length === 0 && Date.now() < end) await sleep(10)
  t.match(app.microservices.directory().problems, [{ code: 'FMS_ERR_MODULE', file }])
}

/** Clients in loops, and what they may be answered at each moment. */
class Traffic {
  readonly failures: unknown[] = []
  calls = 0
  neighbourCalls = 0
  neighbourCount = 0
  helper = 0
  readonly #t: Test
  readonly #port: number
  readonly #url: (path: string) => string
  /** The version that is live, and the one that is to follow: nothing older may answer what is asked from now on. */
  #oldest = 0
  #newest = 0
  #stopped = false

  constructor (t: Test, port: number, url: (path: string) => string) {
    this.#t = t
    this.#port = port
    this.#url = url
  }

  allow (version: number): void {
    this.#newest = version
  }

  /** Until a new client sees it; from then on, nobody may see the one before. */
  async live (name: 'version' | 'helper', expected: number): Promise<void> {
    const call = client(this.#t, this.#port)
    const end = Date.now() + DEADLINE_MS
    let found: number | undefined
    do found = (await call('GET', this.#url('/versioned'))).body[name]
    while (found !== expected && Date.now() < end)
    this.#t.equal(found, expected, `${name} ${expected} is live`)
    if (name === 'version') this.#oldest = expected
  }

  stop (): void {
    this.#stopped = true
  }

  async loop (number: number): Promise<void> {
    const call = client(this.#t, this.#port)
    for (let n = number; !this.#stopped; n++) {
      const oldest = this.#oldest
      try {
        const answers = [
          await call('GET', this.#url(`/versioned?n=${n}`)),
          await call('POST', this.#url('/a/versioned'), { n }),
          await call('GET', this.#url(`/a/versioned/slug?n=${n}`))
        ]
        this.calls += answers.length
        const wrong = answers.find(({ status, body: { version = -1, n: echo } }) => status !== 200 || version < oldest || version > this.#newest || echo !== n)
        if (wrong) this.failures.push({ ...wrong, n, oldest, newest: this.#newest })
        const state = await call('GET', this.#url('/state'))
        if (state.status !== 200 || state.body.open !== true) this.failures.push(state)
        if (number === 0) {
          const { status, body } = await call('GET', this.#url('/neighbour'))
          if (status !== 200) this.failures.push({ status, body })
          this.neighbourCalls++
          this.neighbourCount = body.version ?? -1
        }
      } catch (error) {
        this.failures.push(error)
      }
    }
  }
}
