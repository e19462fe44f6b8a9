import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Test } from 'tap'
import type { MicroservicesOptions } from '../../lib/index.ts'
import { produce } from '../../lib/tokens/produce.ts'
import { type Credentials, admin, adminCredentials, secrets } from '../owners/owners.ts'
import type { NodeReport, NodeSpec, Order } from './node.ts'

/** Generous: machines of tests are slow and shared. */
const START_WITHIN_MS = 60_000
const ANSWER_WITHIN_MS = 30_000
const STOP_WITHIN_MS = 10_000
/** Nodes look four times a second; a second is what they promise. */
const FOLLOW_WITHIN_MS = 5_000
const LOOK_EACH_MS = 10

/** What clients take all nodes for. */
const origin = 'http://nodes.example.com'
const prefix = '/rest/services'

export interface Answer { readonly status: number, readonly body: Record<string, unknown>, readonly headers: Headers }

export interface Call {
  readonly method?: string
  /** Whose token goes with it. */
  readonly by?: Credentials
  /** One that is there already. */
  readonly token?: string
  readonly payload?: unknown
  /** In the place of a payload: a text of another type than JSON. */
  readonly sent?: { readonly text: string, readonly type: string }
}

/** Options of nodes that act as one: the store's, by `options`, is to be the same for all. */
export function installation (options: Partial<MicroservicesOptions>): MicroservicesOptions {
  return {
    plugins: [],
    ADMIN_ID: admin,
    ADMIN_SECRET: secrets.admin,
    SECRETS_KEY: secrets.secretsKey,
    PUBLIC_URL: origin,
    ...options
  }
}

/** A token for a call below the prefix; of every kind of key, and for management where the path is that of management. */
export function token (path: string, { method = 'GET', by = adminCredentials, ...call }: Omit<Call, 'token'> = {}): Promise<string> {
  const manage = /\/(?:tenant|module)-api\//.test(path)
  return produce({ kid: by.kid, key: by.secret, method, url: origin + prefix + path, body: sentOf(call)?.text ?? '', manage })
}

function sentOf ({ payload, sent }: Call): Call['sent'] {
  return payload === undefined ? sent : { text: JSON.stringify(payload), type: 'application/json' }
}

/** A node in a process of its own, which ends with the test. */
export class Node {
  readonly #child: ChildProcess
  readonly #port: number

  private constructor (child: ChildProcess, port: number) {
    this.#child = child
    this.#port = port
  }

  /** @throws what it says where it does not start, with its code */
  static async start (t: Test, spec: NodeSpec): Promise<Node> {
    const child = fork(join(import.meta.dirname, 'node.ts'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    t.teardown(() => end(child, 'SIGTERM'))
    child.send(spec)
    const report = await nextMessage(child, START_WITHIN_MS) as NodeReport
    if (!('port' in report)) throw Object.assign(new Error(report.message), { code: report.code })
    return new Node(child, report.port)
  }

  /** A call below the prefix. */
  async call (path: string, { method = 'GET', by, token: given, ...call }: Call = {}): Promise<Answer> {
    const bearer = given ?? (by && await token(path, { method, by, ...call }))
    const sent = sentOf(call)
    const response = await fetch(`http://127.0.0.1:${this.#port}${prefix}${path}`, {
      method,
      headers: { ...bearer && { authorization: `Bearer ${bearer}` }, ...sent && { 'content-type': sent.type } },
      ...sent && { body: sent.text },
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS)
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) as Record<string, unknown> }
  }

  /** An action of tenant-api, as the admin. */
  manage (method: string, action: string, payload?: unknown): Promise<Answer> {
    return this.call(`/${admin}/tenant-api/${action}`, { method, by: adminCredentials, payload })
  }

  async status (path: string, call: Call = {}): Promise<number> {
    return (await this.call(path, call)).status
  }

  /** Takes the frail store away, or gives it back. */
  async order (order: Order): Promise<void> {
    this.#child.send(order)
    await nextMessage(this.#child, ANSWER_WITHIN_MS)
  }

  /** At once, as the system would. */
  async kill (): Promise<void> {
    await end(this.#child, 'SIGKILL')
  }
}

/** Waits for an answer to become what is expected, and notes how long that took. */
export async function becomes<T> (t: Test, name: string, look: () => Promise<T>, expected: T, withinMs = FOLLOW_WITHIN_MS): Promise<void> {
  const begun = performance.now()
  let found = await look()
  while (!isDeepStrictEqual(found, expected) && performance.now() < begun + withinMs) {
    await wait(LOOK_EACH_MS)
    found = await look()
  }
  t.strictSame(found, expected, name)
  t.comment(`${name}: ${Math.round(performance.now() - begun)} ms`)
}

async function nextMessage (child: ChildProcess, withinMs: number): Promise<unknown> {
  const ended = new AbortController()
  const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(withinMs)])
  const onExit = (): void => ended.abort(new Error(`the node ended with ${child.exitCode ?? child.signalCode}; expected it to say something`))
  child.once('exit', onExit)
  try {
    const [message] = await once(child, 'message', { signal })
    return message
  } catch {
    throw signal.reason
  } finally {
    child.off('exit', onExit)
  }
}

/** @throws where it does not end by itself */
async function end (child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS)
  await exit
  clearTimeout(timer)
  if (signal !== 'SIGKILL' && child.signalCode === 'SIGKILL') throw new Error(`the node did not close within ${STOP_WITHIN_MS / 1000} s`)
}
