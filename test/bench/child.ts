import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Cpu, Kind, Memory, Question, Ready } from './server.ts'
import type { ScenarioName } from './scenarios.ts'

/** Beyond it a server counts as one that does not start. */
const START_WITHIN_MS = 60_000
const ANSWER_WITHIN_MS = 30_000
const STOP_WITHIN_MS = 10_000

export interface ServerSpec {
  readonly kind: Kind
  readonly scenario: ScenarioName
  readonly count: number
  /** Plugin directory, of ours. */
  readonly directory?: string
  readonly watch?: 'events' | false
  /** Of Node. */
  readonly flags?: readonly string[]
}

export interface Server extends Ready {
  readonly pid: number
  /** Microseconds of CPU time since its start. */
  cpu (): Promise<number>
  memory (): Promise<Memory>
  refresh (): Promise<void>
}

/** The server did not get ready in time: a result, where bare Fastify has many routes. */
export class TooSlow extends Error {}

/** Starts a server in a process of its own, hands it to `use`, and ends that process whatever happens. */
export async function withServer<T> (spec: ServerSpec, use: (server: Server) => Promise<T>): Promise<T> {
  const { kind, scenario, count, directory = '', watch = false, flags = [] } = spec
  const child = fork(join(import.meta.dirname, 'server.ts'), [kind, scenario, String(count), directory, String(watch)], {
    execArgv: ['--expose-gc', ...flags],
    // The environment of whoever measures must not choose: no .env, no settings.
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production' }
  })
  try {
    const ready = await nextMessage(child, START_WITHIN_MS, TooSlow) as Ready
    return await use({ ...ready, ...questions(child), pid: child.pid as number })
  } finally {
    await stop(child)
  }
}

function questions (child: ChildProcess): Pick<Server, Question> {
  const ask = (question: Question) => {
    child.send(question)
    return nextMessage(child, ANSWER_WITHIN_MS)
  }
  return {
    async cpu () {
      const { user, system } = await ask('cpu') as Cpu
      return user + system
    },
    memory: () => ask('memory') as Promise<Memory>,
    async refresh () { await ask('refresh') }
  }
}

/** The child's next message; its end or the deadline, whichever is first, is an error. */
async function nextMessage (child: ChildProcess, withinMs: number, Late: ErrorConstructor | typeof TooSlow = Error): Promise<unknown> {
  const cancel = new AbortController()
  const timer = setTimeout(() => cancel.abort(), withinMs)
  try {
    return await Promise.race([
      once(child, 'message', { signal: cancel.signal }).then(([message]) => message),
      once(child, 'exit', { signal: cancel.signal }).then(([code, signal]) => {
        throw new Error(`the server ended with ${code ?? signal}; expected an answer`)
      })
    ])
  } catch (error) {
    throw (error as Error).name === 'AbortError' ? new Late(`the server said nothing within ${withinMs / 1000} s`) : error
  } finally {
    clearTimeout(timer)
    cancel.abort()
  }
}

async function stop (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  // A server that is busy, or waits for its own children, is not asked twice.
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS)
  await exit
  clearTimeout(timer)
}
