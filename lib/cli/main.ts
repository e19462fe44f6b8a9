#!/usr/bin/env node
import { readFile } from 'node:fs/promises'
import { parse, refuseKeys } from './arguments.ts'
import { CommandError, EXIT } from './command.ts'
import { commands, overview } from './commands.ts'
import { readEnvironment } from './environment.ts'
import { Output } from './output.ts'

/** What is still open when all is said: a server's connection, say. */
const LINGER_MS = 2_000

async function main (args: readonly string[]): Promise<number> {
  const output = new Output({ json: args.includes('--json') })
  const signal = interruption()
  try {
    refuseKeys(args)
    const [name = '', ...rest] = args
    if (name === '--version' || name === '-v') return tell(output, 'version', await version())
    if (name === '--help' || name === '-h') return tell(output, 'usage', overview())
    const { load } = Object.hasOwn(commands, name) ? commands[name]! : unknown(name)
    const command = await load()
    const { values, positionals } = parse(name, command, rest)
    if (values['help']) return tell(output, 'usage', command.usage)
    const directory = process.cwd()
    return await command.run({ values, positionals, output, directory, environment: await readEnvironment(directory), signal })
  } catch (error) {
    const { message, exitCode = EXIT.failed } = (signal.aborted && !(error instanceof CommandError) ? signal.reason : error) as CommandError
    output.failure(message, exitCode)
    return exitCode
  }
}

function unknown (name: string): never {
  throw new CommandError(`${name === '' ? 'Expected a command' : `Expected a command; found ${JSON.stringify(name)}`}.\n\n${overview()}`, EXIT.usage)
}

function tell (output: Output, name: string, text: string): number {
  output.result({ [name]: text }, text.split('\n'))
  return EXIT.done
}

async function version (): Promise<string> {
  const { version } = JSON.parse(await readFile(new URL(import.meta.resolve('fastify-microservices/package.json')), 'utf8')) as { version: string }
  return version
}

/** Aborted by the first signal to end; the second is no longer held up. */
function interruption (): AbortSignal {
  const controller = new AbortController()
  const end = (signal: 'SIGINT' | 'SIGTERM'): void => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, end)
    // As shells tell of what a signal ended.
    controller.abort(new CommandError('Interrupted.', signal === 'SIGINT' ? 130 : 143))
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, end)
  return controller.signal
}

process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  // Who reads may have read enough (`| head`).
  if (code === 'EPIPE') process.exit(EXIT.done)
  process.stderr.write(`What was to be told could not be written (${code}).\n`)
  process.exit(EXIT.failed)
})
process.exitCode = await main(process.argv.slice(2))
setTimeout(() => process.exit(), LINGER_MS).unref()
