import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { Layers } from '../../../types/status.ts'
import { messageOf } from '../../errors.ts'
import type { Candidate } from './candidate.ts'
import { Child } from './child.ts'
import { namespaceDepthOf, userOf } from './process.ts'
import type { Prepared } from './program.ts'

export interface Probed {
  readonly candidate: Candidate
  readonly layers: Layers
  /** Why the kernel holds no limit of data; undefined where it does. */
  readonly dataProblem: string | undefined
}

// A wall that cannot be built says so at once; on a machine that is short of processor time, Node alone may take seconds.
const PROBE_MS = 15_000
// Far from what Node has at rest, and from what it may still take by itself.
const EXTRA_BYTES = 32 * 1024 * 1024
const BEYOND_BYTES = 512 * 1024 * 1024

interface Seen {
  readonly connected: boolean
  readonly files: boolean
  readonly variables: number
}

/** What a child sees of us; then it waits for the limit, and tries to pass it. */
const SCRIPT = `
const { existsSync, readFileSync } = require('node:fs')
const net = require('node:net')
const [readable, port, bytes] = process.argv.slice(1)
readFileSync(readable)
const channel = new net.Socket({ fd: 3 })
const seen = {
  files: existsSync('/etc/passwd') || existsSync('/etc/hosts') || existsSync('/proc/1/status'),
  variables: Object.keys(process.env).filter(name => name !== 'PWD').length
}
const tell = what => channel.write(JSON.stringify(what) + '\\n')
const connection = net.connect(Number(port), '127.0.0.1', () => { tell({ ...seen, connected: true }); connection.destroy() })
connection.on('error', () => tell({ ...seen, connected: false }))
const allocates = () => { try { return new ArrayBuffer(Number(bytes)).byteLength > 0 } catch { return false } }
channel.on('data', () => tell(allocates()))
`

/**
 * Starts a trivial program behind the wall, and sees for itself.
 *
 * @param readable a file of ours that it must be able to read
 * @throws why the wall cannot be used
 */
export async function probe (candidate: Candidate, readable: string): Promise<Probed> {
  const server = createServer(socket => socket.destroy()).listen(0, '127.0.0.1')
  const timer = new AbortController()
  let child: Child | undefined
  try {
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    child = await Child.start(candidate, programOf(readable, [readable, String(port), String(BEYOND_BYTES)]))
    const { exited, lastWords } = { exited: child.exited, lastWords: () => child?.lastWords() }
    const probed = await Promise.race([
      examine(candidate, child),
      exited.then(({ code, signal }) => { throw new Error(lastWords()?.trim() || `it ended with ${code ?? signal}`) }),
      delay(PROBE_MS, undefined, { signal: timer.signal }).then(() => { throw new Error(`no answer within ${PROBE_MS / 1000} s`) })
    ])
    child.kill()
    await Promise.race([
      exited,
      delay(PROBE_MS, undefined, { signal: timer.signal }).then(() => { throw new Error('it cannot be killed') })
    ])
    return probed
  } finally {
    timer.abort()
    child?.kill()
    server.close()
  }
}

function programOf (readable: string, given: readonly string[]): Prepared {
  return {
    bindings: [{ source: readable, target: readable }],
    arguments: ['--no-node-snapshot', '-e', SCRIPT, '--', ...given],
    spawns: false,
    scratchBytes: 0,
    filtered: true
  }
}

async function examine (candidate: Candidate, child: Child): Promise<Probed> {
  const lines = createInterface({ input: child.socket })[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    // At its end whoever waits for this hears from its exit.
    return done === true ? await new Promise<never>(() => {}) : JSON.parse(value)
  }
  const seen: Seen = await next()
  let dataProblem: string | undefined
  try {
    await child.limitData(EXTRA_BYTES)
    child.socket.write('\n')
    if (await next() === true) dataProblem = 'the limit was set, and does not hold'
  } catch (error) {
    dataProblem = messageOf(error)
  }
  const layers: Layers = {
    by: candidate.by,
    network: !seen.connected,
    processes: namespaceDepthOf(child.pid) > namespaceDepthOf('self'),
    files: !seen.files,
    user: userOf(child.pid) !== 0 && (candidate.by !== 'none' || candidate.identity.child !== undefined),
    data: dataProblem === undefined,
    environment: seen.variables === 0
  }
  return { candidate, layers: Object.freeze(layers), dataProblem }
}
