/**
 * The client that makes load, run as a child process: it gets jobs by message and answers each with its outcome. Raw
 * sockets, since it shares the machine's processors with what it measures: it takes two thirds of what autocannon takes
 * (20 µs a request, of which the system's calls are 12), and tells microseconds where autocannon tells milliseconds.
 */
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import type { Job, Outcome } from './load.ts'

/** A request without an answer is a failure then, and its connection is closed. */
const ANSWER_WITHIN_MS = 60_000
const BUFFER_BYTES = 64 * 1024
/** Heads that we measure are shorter; bodies need not be read. */
const HEAD_BYTES = 1_024

process.on('message', (job: Job) => { run(job).then(outcome => process.send?.(outcome), fail) })
process.once('SIGTERM', () => process.disconnect?.())
process.send?.('ready')

async function run (job: Job): Promise<Outcome> {
  const requests = job.requests.map(text => Buffer.from(text))
  const statuses: Record<number, number> = {}
  const latencies: number[] = []
  const due: number[] = []
  const connections = Array.from({ length: job.connections }, () => new Connection(job.port))
  let next = 0
  let started = 0
  const call = async (connection: Connection, dueAt = performance.now()) => {
    const status = await connection.call(requests[next++ % requests.length] as Buffer)
    statuses[status] = (statuses[status] ?? 0) + 1
    latencies.push(performance.now() - dueAt)
    due.push(dueAt - started)
  }
  try {
    await Promise.all(connections.map(connection => connection.open()))
    started = performance.now()
    const end = started + job.seconds * 1000
    if (job.pace === 'closed') {
      await Promise.all(connections.map(async connection => { do await call(connection); while (performance.now() < end) }))
    } else if (job.pace === 'once') {
      await Promise.all(connections.map(async connection => { while (next < requests.length) await call(connection) }))
    } else {
      await paced(job.pace.perSecond, job.seconds, connections, call)
    }
    const seconds = (performance.now() - started) / 1000
    return { requests: latencies.length, seconds, latencies: Float64Array.from(latencies), due: Float64Array.from(due), statuses }
  } finally {
    for (const connection of connections) connection.close()
  }
}

/** Times are those of the plan, so that a request that had to wait for an answer to another does not hide it. */
async function paced (
  perSecond: number, seconds: number, connections: Connection[], call: (connection: Connection, dueAt: number) => Promise<void>
): Promise<void> {
  const free = [...connections]
  const waiting: number[] = []
  const under = new Set<Promise<void>>()
  const send = (connection: Connection, dueAt: number) => {
    const sent: Promise<void> = call(connection, dueAt).then(() => {
      under.delete(sent)
      const nextDue = waiting.shift()
      if (nextDue === undefined) free.push(connection)
      else send(connection, nextDue)
    })
    under.add(sent)
  }
  const started = performance.now()
  for (let i = 0; i < perSecond * seconds; i++) {
    const dueAt = started + i * 1000 / perSecond
    const early = dueAt - performance.now()
    // Timers round down to milliseconds: a request that begins too early would be counted as too quick.
    if (early > 0) await setTimeout(Math.ceil(early))
    const connection = free.pop()
    if (connection) send(connection, performance.now())
    else waiting.push(dueAt)
  }
  while (under.size > 0) await Promise.all(under)
}

/** One request at a time, over one socket that is opened anew when it broke. */
class Connection {
  readonly #port: number
  #socket: Socket | undefined
  #settle: ((status: number) => void) | undefined
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  /** What was there before, of a head that came in pieces. */
  #before = ''
  #received = 0
  /** Bytes of the whole answer, once its head is there. */
  #expected = 0
  #status = 0

  constructor (port: number) {
    this.#port = port
  }

  open (): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect({
        port: this.#port,
        host: '127.0.0.1',
        noDelay: true,
        // Instead of 'data': no stream, and no buffer for each chunk.
        onread: { buffer: this.#buffer, callback: bytes => this.#take(bytes) }
      })
      this.#socket = socket
      socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy())
      socket.once('connect', resolve)
      socket.once('error', reject)
      socket.once('close', () => {
        this.#socket = undefined
        reject(new Error('the connection was closed'))
        this.#finish(0)
      })
    })
  }

  /** The answer's status, once it is there with its body; 0 when there is none. */
  async call (request: Buffer): Promise<number> {
    if (!this.#socket) {
      try {
        await this.open()
      } catch {
        return 0
      }
    }
    return new Promise(resolve => {
      this.#settle = resolve
      this.#socket?.write(request)
    })
  }

  close (): void {
    this.#socket?.destroy()
  }

  #take (bytes: number): true {
    this.#received += bytes
    if (this.#expected === 0) this.#readHead(this.#before + this.#buffer.toString('latin1', 0, Math.min(bytes, HEAD_BYTES)))
    if (this.#expected > 0 && this.#received >= this.#expected) this.#finish(this.#status)
    return true
  }

  #readHead (text: string): void {
    const end = text.indexOf('\r\n\r\n')
    if (end === -1) {
      this.#before = text
      return
    }
    this.#status = Number(text.slice(9, 12))
    const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(text)?.[1]
    if (length === undefined && this.#status !== 204) throw new Error(`expected a content-length; found ${text}`)
    this.#expected = end + 4 + Number(length ?? 0)
  }

  #finish (status: number): void {
    const settle = this.#settle
    this.#settle = undefined
    this.#before = ''
    this.#received = this.#expected = this.#status = 0
    settle?.(status)
  }
}

function fail (error: unknown): void {
  console.error(error)
  process.exitCode = 1
  process.disconnect?.()
}
