import type { ParseArgsOptionsConfig } from 'node:util'
import type { Output } from './output.ts'

/** What the program ends with, so that a script can tell what happened. */
export const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3, refused: 4, broken: 5 } as const

export type Environment = Readonly<Record<string, string | undefined>>

/** One call of a command. */
export interface Call {
  readonly positionals: readonly string[]
  readonly values: Values
  readonly output: Output
  /** The working directory. */
  readonly directory: string
  /** What the process was given, over what `.env` of the working directory says. */
  readonly environment: Environment
  /** Aborted by the first Ctrl+C or SIGTERM, with the error to throw; the second ends the process. */
  readonly signal: AbortSignal
}

export type Values = Readonly<Record<string, string | boolean | Array<string | boolean> | undefined>>

/** What a file in `commands/` exports. */
export interface Command {
  /** What `--help` prints. */
  readonly usage: string
  readonly options: ParseArgsOptionsConfig
  /** @returns the exit code */
  run (call: Call): Promise<number>
}

/** Why a command ends without having done what it was asked for, in words that say what to do. */
export class CommandError extends Error {
  readonly exitCode: number

  constructor (message: string, exitCode: number = EXIT.failed) {
    super(message)
    this.name = 'CommandError'
    this.exitCode = exitCode
  }
}

/** An option's text; undefined where it was not given. */
export function textOf (values: Values, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}
