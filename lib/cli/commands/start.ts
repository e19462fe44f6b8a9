import { once } from 'node:events'
import { resolve } from 'node:path'
import type { ParseArgsOptionsConfig } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { withDeadline } from '../../deadline.ts'
import { usageError } from '../arguments.ts'
import { type Call, CommandError, type Environment, EXIT } from '../command.ts'

export const options = { watch: { type: 'boolean' }, poll: { type: 'boolean' } } as const satisfies ParseArgsOptionsConfig

export const usage = `fastify-microservices start [directory ...] [--no-watch | --poll]

Serves the modules of these directories as REST endpoints, and says where; without any, of those that plugins in .env
names, else of ./plugins. What is changed there is live at once. Ctrl+C or SIGTERM ends it, once requests under way are
answered.

  --watch     notice changes of files; so it is without being said
  --no-watch  serve what is there now
  --poll      look for changes, on mounted volumes that tell of none
  --json      where it serves, as JSON

Settings come from the environment, or from .env: HOST (127.0.0.1), PORT (3000), LOG_LEVEL (info; the log goes to
stderr), and all of .env.example.`

/** Ten thousand endpoints take 6 s; a store that is elsewhere, or a machine that does much else, may take more. */
const START_MS = 120_000
/** A client that sends its request more slowly than this holds a connection for nothing. */
const REQUEST_MS = 120_000
/** Requests under way may take this long to end; who runs containers kills after 30 s. */
const CLOSE_MS = 25_000
const IDLE_MS = 50
const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

/** Serves until it is told to end. */
export async function run (call: Call): Promise<number> {
  const { values, environment, output, signal } = call
  if (values['poll'] === true && values['watch'] === false) throw usageError('start', 'expected --poll or --no-watch; found both')
  const { host, port, level } = settingsOf(environment)
  const app = await appOf(call, level)
  try {
    const address = await listen(app, host, port)
    const { prefix } = app.microservices
    const { directories, modules, problems } = app.microservices.directory()
    const url = address + prefix
    output.result({ url, directories, modules: modules.map(({ name }) => name), problems }, [
      `Serving ${directories.map(({ path }) => path).join(', ')} at ${url}`,
      `${modules.length === 0 ? 'No modules yet' : `Modules: ${modules.map(({ name }) => name).join(', ')}`}. Ctrl+C ends it.`
    ])
    for (const { file, line, message } of problems) output.note(`${file}${line === undefined ? '' : `:${line}`}: ${message}`)
    if (!signal.aborted) await once(signal, 'abort')
  } finally {
    await close(app)
  }
  return EXIT.done
}

/** A client that gets its answer meanwhile keeps its connection, for which the server would wait. */
async function close (app: FastifyInstance): Promise<void> {
  const timer = setInterval(() => app.server.closeIdleConnections(), IDLE_MS)
  try {
    await withDeadline(CLOSE_MS, () => app.close(), () => new CommandError(`Ended while requests were still under way, after ${CLOSE_MS / 1000} s.`))
  } finally {
    clearInterval(timer)
  }
}

function settingsOf ({ HOST: host = '127.0.0.1', PORT: port = '3000', LOG_LEVEL: level = 'info' }: Environment) {
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new CommandError(`PORT: expected a number from 0 to 65535; found ${JSON.stringify(port)}`, EXIT.usage)
  if (!levels.includes(level)) throw new CommandError(`LOG_LEVEL: expected one of ${levels.join(', ')}; found ${JSON.stringify(level)}`, EXIT.usage)
  return { host, port: Number(port), level }
}

async function appOf ({ positionals, values, directory }: Call, level: string): Promise<FastifyInstance> {
  const [{ default: Fastify }, { default: microservices }] = await Promise.all([import('fastify'), import('../../index.ts')])
  // Where it serves is what stdout is for.
  const app = Fastify({ logger: { level, stream: process.stderr }, requestTimeout: REQUEST_MS, pluginTimeout: START_MS }) as unknown as FastifyInstance
  // "." means here to who types it, and ./plugins to the plugin.
  const plugins = positionals.map(place => place.includes('=') ? place : resolve(directory, place))
  try {
    await app.register(microservices, {
      ...plugins.length > 0 && { plugins },
      watch: values['poll'] === true ? 'poll' : values['watch'] === false ? false : 'events'
    })
    await app.ready()
  } catch (error) {
    await app.close().catch(() => {})
    const { message, code } = error as NodeJS.ErrnoException
    throw new CommandError(message, code === 'FMS_ERR_OPTIONS' ? EXIT.usage : EXIT.failed)
  }
  return app
}

async function listen (app: FastifyInstance, host: string, port: number): Promise<string> {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} is taken, perhaps by one that you started before: set PORT to another, or to 0 for any`,
    EACCES: `port ${port} is not for you to take: set PORT to one from 1024`,
    EADDRNOTAVAIL: `${host} is no address of this machine: set HOST to one, or to 0.0.0.0 for all`,
    ENOTFOUND: `${host} is no address: set HOST to one of this machine, or to 0.0.0.0 for all`
  }
  return await app.listen({ host, port }).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(`Not started: ${reasons[error.code ?? ''] ?? error.message}.`)
  })
}
