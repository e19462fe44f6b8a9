import type { IncomingMessage } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import type { ParseArgsOptionsConfig } from 'node:util'
import { ownerOptions, ownerUsage, usageError } from '../arguments.ts'
import { Client } from '../client.ts'
import { type Call, CommandError, EXIT, textOf } from '../command.ts'
import { Refusal } from '../failures.ts'
import { openModules } from '../modules.ts'

export const options = { ...ownerOptions, limit: { type: 'string' }, follow: { type: 'boolean', short: 'f' } } as const satisfies ParseArgsOptionsConfig

export const usage = `fastify-microservices logs [module] [--limit <n>] [--follow]

Shows what an owner's modules logged and how their last calls ended, as the node that answers remembers it.

  --limit <n>        the last n entries, 100 otherwise
  -f, --follow       goes on with each new one, until Ctrl+C; through restarts of the server, too
${ownerUsage.slice(1)} (with --follow: a line for each entry)`

/** Four heartbeats of the server's. */
const SILENCE_MS = 60_000
/** A server that restarts is back within this many tries. */
const TRIES = 30
const BETWEEN_TRIES_MS = 1_000
/** More than any entry has. */
const LINE_LENGTH_MAX = 1024 * 1024

interface Entry {
  readonly id?: number
  readonly time: number
  readonly level: string
  readonly module: string
  readonly message: string
  readonly api?: string
  readonly milliseconds?: number
  readonly code?: string
  readonly stack?: string
}

/** Prints a log, and goes on to do so. */
export async function run (call: Call): Promise<number> {
  const { positionals: [module, ...others], values, output, signal } = call
  const limit = textOf(values, 'limit') ?? '100'
  if (others.length > 0) throw usageError('logs', 'expected one module; found several')
  if (!/^[1-9]\d{0,3}$/.test(limit)) throw usageError('logs', `--limit: expected a number from 1 to 1000; found ${JSON.stringify(limit)}`)
  const client = await Client.of(call)
  const { path } = await openModules(call, client)
  const query = { module, limit }
  if (values['follow'] !== true) {
    const { body } = await client.ask('GET', `${path}/logs`, { query })
    const { entries } = body as { entries: Entry[] }
    output.result({ entries }, entries.length === 0 ? ['Nothing yet.'] : entries.flatMap(linesOf))
    return EXIT.done
  }
  // Ctrl+C is how it is meant to end.
  return await follow(call, client, `${path}/logs`, query).catch((error: unknown) => {
    if (signal.aborted) return EXIT.done
    throw error
  })
}

async function follow ({ output, signal }: Call, client: Client, path: string, query: { module: string | undefined, limit: string }): Promise<never> {
  let after: number | undefined
  for (let failures = 0; ;) {
    try {
      await client.follow(path, { ...query, after, follow: true }, SILENCE_MS, async response => {
        failures = 0
        for await (const line of linesIn(response)) {
          if (!line.startsWith('data: ')) continue
          const entry = JSON.parse(line.slice('data: '.length)) as Entry
          after = entry.id ?? after
          output.result(entry, linesOf(entry))
        }
      })
    } catch (error) {
      if (!isPassing(error) || failures++ === TRIES) throw error
      if (failures === 1) output.note(`${(error as CommandError).message} Trying again for ${TRIES} s.`)
    }
    await wait(BETWEEN_TRIES_MS, undefined, { signal })
  }
}

function isPassing (error: unknown): boolean {
  return error instanceof Refusal ? error.status === 429 || error.status === 503 : error instanceof CommandError && error.exitCode === EXIT.unreachable
}

async function * linesIn (response: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() as string
    if (rest.length > LINE_LENGTH_MAX) throw new CommandError(`Expected entries of at most ${LINE_LENGTH_MAX} characters; found more.`)
    yield * lines
  }
}

function linesOf ({ time, level, module, api, milliseconds, code, message, stack }: Entry): string[] {
  const [first = '', ...rest] = message.split('\n')
  const words = [
    new Date(time).toISOString(), level.padEnd(5), api === undefined ? module : `${module}/${api}`, code, first,
    milliseconds === undefined ? undefined : `(${milliseconds.toFixed(1)} ms)`
  ]
  const more = stack === undefined || stack === '' ? rest : stack.split('\n')
  return [words.filter(word => word !== undefined).join(' '), ...more.map(line => `  ${line.trim()}`)]
}
