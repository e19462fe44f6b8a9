import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { MongoClient } from 'mongodb'
import type { Test } from 'tap'

export interface MongoServer {
  /** Without a database: each test takes one of its own, by `databaseName`. */
  readonly url: string
  /** Whether `stop` and `start` work: a server of MONGO_URL is somebody else's. */
  readonly own: boolean
  stop (): Promise<void>
  /** On the same port, with the same data. */
  start (): Promise<void>
}

/** Why tests are skipped where `mongoServer` finds none. */
export const NO_SERVER = 'no MongoDB: MONGO_URL is not set, and there is neither mongod nor ferretdb, nor the one that .ci/run builds'

/** Machines of CI are slow: a server has this long to listen, and to end. */
const DEADLINE_MS = 20_000

/** The server in MONGO_URL, else one of the test's own, ended with it; undefined where there is none. */
export async function mongoServer (t: Pick<Test, 'teardown'>): Promise<MongoServer | undefined> {
  const url = process.env['MONGO_URL']
  if (url !== undefined && url !== '') return { url, own: false, stop: notOurs, start: notOurs }
  const program = programs().find(isExecutable)
  if (program === undefined) return undefined

  const directory = await mkdtemp(join(tmpdir(), 'mongo-'))
  const port = await freePort()
  const server = new Server(program, directory, port)
  t.teardown(async () => {
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  })
  await server.start()
  return server
}

/** A name that no other test has, for a database that is dropped with the test. */
export function databaseName (t: Pick<Test, 'teardown'>, server: MongoServer): string {
  const name = `test_${process.pid}_${Math.random().toString(36).slice(2, 10)}`
  t.teardown(async () => {
    const client = new MongoClient(server.url, { serverSelectionTimeoutMS: 2_000 })
    try {
      await client.db(name).dropDatabase()
    } catch {
      // Its server is gone, and with it the database.
    } finally {
      await client.close()
    }
  })
  return name
}

/** mongod, or our FerretDB, which takes the same arguments. */
class Server implements MongoServer {
  readonly url: string
  readonly own = true
  readonly #program: string
  readonly #arguments: readonly string[]
  #process: ChildProcess | undefined

  constructor (program: string, directory: string, port: number) {
    this.url = `mongodb://127.0.0.1:${port}/`
    this.#program = program
    this.#arguments = program.endsWith('ferretdb')
      ? ['--handler=sqlite', `--sqlite-url=file:${directory}/`, `--listen-addr=127.0.0.1:${port}`, '--debug-addr=-', '--telemetry=disable', `--state-dir=${directory}`]
      : ['--dbpath', directory, '--port', `${port}`, '--bind_ip', '127.0.0.1']
  }

  async start (): Promise<void> {
    const child = spawn(this.#program, this.#arguments, { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#process = child
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => { said = (said + text).slice(-2_000) })
    // Waits until it listens; there is no event for that which all servers give.
    const client = new MongoClient(this.url, { serverSelectionTimeoutMS: DEADLINE_MS })
    const ended = once(child, 'exit').then(([code]) => { throw new Error(`${this.#program} ended with ${code}: ${said}`) })
    try {
      await Promise.race([client.db('admin').command({ ping: 1 }), ended])
    } finally {
      ended.catch(() => {})
      await client.close()
    }
  }

  async stop (): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS)
    await exit
    clearTimeout(timer)
  }
}

async function notOurs (): Promise<void> {
  throw new Error('the server of MONGO_URL is not ours to start or stop')
}

function programs (): string[] {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter(directory => directory !== '')
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  return [
    ...['mongod', 'ferretdb'].flatMap(name => directories.map(directory => join(directory, name))),
    join(cache, 'fastify-microservices', 'ferretdb-1.24.2')
  ]
}

function isExecutable (file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
